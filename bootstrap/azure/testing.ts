import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Profile } from '../../infra/src/settings.ts'
import { exampleEnvironment, type Override } from '../../infra/src/testing.ts'
import type { AzureContext, BootstrapOptions } from './context.ts'
import { readEnvironment } from './environment.ts'
import { explained } from './explained.ts'
import { allStackRecordings } from './recordings/stacks.ts'
import { githubRecordings } from './recordings/github.ts'
import { ids } from './recordings/ids.ts'
import { preflightRecordings } from './recordings/preflight.ts'
import { providerRecordings } from './recordings/providers.ts'
import type { Recording } from './recordings/recording.ts'
import { replay, type Replay } from './recordings/replay.ts'
import { stateRecordings } from './recordings/state.ts'
import { kubePrometheusStack, traefik } from './steps/charts.ts'

/** An empty subscription, and a repository without variables. */
export const emptySubscription: readonly Recording[] = [
  ...preflightRecordings,
  ...providerRecordings,
  ...stateRecordings,
  ...allStackRecordings,
  ...githubRecordings,
]

export interface TestOptions {
  readonly options?: Partial<BootstrapOptions>
  readonly recordings?: readonly Recording[]
  readonly profile?: Profile
  readonly override?: Override
  readonly onSuccess?: Parameters<typeof replay>[1]['onSuccess']
}

export interface TestWorld extends Replay {
  /** A context as each new start of the command has it. */
  readonly context: (more?: Partial<AzureContext>) => AzureContext
}

/** The recorded world of an environment of a folder of the test's own. */
export async function recordedWorld(
  t: Test,
  { options, profile = 'dev', ...given }: TestOptions = {},
): Promise<TestWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'windlass-azure-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const example = exampleEnvironment(profile, {
    ...given.override,
    cluster: { authorizedIpRanges: ['51.124.8.0/24'], ...given.override?.['cluster'] },
    network: { ingressSources: ['51.124.8.0/24'], ...given.override?.['network'] },
  })
  const written = {
    ...example,
    github: ofRepository(example['github'] as Readonly<Record<string, string>>, 'fabrikam/windlass'),
    subscriptionId: ids.subscription,
    tenantId: ids.tenant,
    adminGroupObjectIds: [ids.administrators],
  }
  await writeFile(join(folder, `${profile}.json`), JSON.stringify(written))
  const environment = await readEnvironment(profile, folder)
  const world = replay(given.recordings ?? emptySubscription, {
    paths: { synth: join(folder, 'synth'), kubeconfig: join(folder, 'kubeconfig') },
    subscription: ids.subscription,
    answer: variablesThatWereSet,
    ...(given.onSuccess && { onSuccess: given.onSuccess }),
  })
  const context = (more: Partial<AzureContext> = {}): AzureContext => ({
    environment,
    options: { terraform: 'terraform', github: 'set', ...options },
    run: explained(world.run, environment),
    isDryRun: false,
    signal: new AbortController().signal,
    folder,
    // A test of its own sees to what is written there.
    synthesize: () => undefined,
    charts: { ingress: traefik, prometheus: kubePrometheusStack },
    placement: {},
    everyMs: 1,
    notes: [],
    ...more,
  })
  return { ...world, context }
}

function ofRepository(subjects: Readonly<Record<string, string>>, repository: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(subjects).map(([key, value]) => [key, value.replace('contoso/windlass', repository)]),
  )
}

/** https://cli.github.com/manual/gh_variable_list */
function variablesThatWereSet(line: string, ran: readonly string[]): string | undefined {
  const [, repository, scope] = /^gh variable list --repo (\S+) (?:--env (\S+) )?--json/.exec(line) ?? []
  if (!line.startsWith('gh variable list')) return undefined
  const set = ran.flatMap((typed) => {
    const [, name, repo, env, value] =
      /^gh variable set (\S+) --repo (\S+) (?:--env (\S+) )?--body (\S+)$/.exec(typed) ?? []
    return name !== undefined && repo === repository && env === scope ? [{ name, value }] : []
  })
  return JSON.stringify(set)
}
