import { join } from 'node:path'
import { ensurePythonEnvironment } from '../../local/python-environment.ts'
import { run } from '../../local/run.ts'

/** A check that failed. */
export interface Finding {
  /** The first folder below the one that was scanned. */
  readonly folder: string
  readonly check: string
  /** As in {@link Exception}. */
  readonly object: string
}

export interface Scan {
  /** How many checks passed: none where nothing was read. */
  readonly passed: number
  readonly failed: readonly Finding[]
}

/** As `checkov --output json` answers, a report for each framework. */
interface Report {
  readonly summary: { readonly passed: number; readonly parsing_errors: number }
  readonly results: {
    readonly failed_checks: ReadonlyArray<{
      readonly check_id: string
      readonly file_path: string
      readonly resource: string
    }>
  }
}

/**
 * Scans all Terraform JSON (`*.tf.json`) and Kubernetes manifests in a folder's folders, offline. Rejects where a file
 * can't be read: what is not read is not found fault with.
 */
export async function scan(folder: string, options: { readonly onStep?: (step: string) => void } = {}): Promise<Scan> {
  const checkov = join(await ensurePythonEnvironment('checkov', options), 'checkov')
  const args = ['--directory', folder, '--framework', 'terraform_json', 'kubernetes']
  const { stdout } = await run(checkov, [...args, '--compact', '--quiet', '--output', 'json', '--skip-download'], {
    // Found something; that it could not run is told by an answer that is none.
    accept: [1],
    env: { LOG_LEVEL: 'ERROR' },
  })
  const reports = [JSON.parse(stdout) as Report | readonly Report[]].flat()
  const unread = reports.reduce((sum, { summary }) => sum + summary.parsing_errors, 0)
  if (unread > 0) throw new Error(`checkov could not read ${unread} files of ${folder}`)
  return {
    passed: reports.reduce((sum, { summary }) => sum + summary.passed, 0),
    failed: reports.flatMap(({ results }) =>
      results.failed_checks.map(({ check_id, file_path, resource }) => ({
        folder: file_path.split('/')[1] ?? '',
        check: check_id,
        object: nameOf(resource),
      })),
    ),
  }
}

/** `resource.NAME` and `TYPE.NAME` of Terraform, `Kind.namespace.name` of Kubernetes. */
function nameOf(resource: string): string {
  const [first = '', ...rest] = resource.split('.')
  return /^[A-Z]/.test(first) ? `${first}/${rest.at(-1)}` : rest.join('.')
}

/**
 * What of an environment's stack checkov reads: its parser takes `terraform` and `import` for resources, and ends there.
 */
export function readable(stack: string): string {
  const { resource } = JSON.parse(stack) as { readonly resource: unknown }
  return JSON.stringify({ resource })
}
