import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import { parseManifests } from '../core/manifest-yaml.ts'

/** The manifests of a folder as one text, and what each of its documents is. */
export interface ManifestFolder {
  readonly text: string
  readonly documents: readonly unknown[]
  /** `FILE: line N: …`, of all files; or of all of them together. */
  readonly problems: readonly string[]
}

const extensions = new Set(['.yaml', '.yml', '.json'])

/** Reads every manifest below the folder, in the order of their paths; hidden files are left out. */
export async function readManifestFolder(folder: string): Promise<ManifestFolder> {
  const texts: string[] = []
  const documents: unknown[] = []
  const problems: string[] = []
  for (const file of await manifestFiles(folder)) {
    const text = normalise(await readFile(join(folder, file), 'utf8'))
    const parsed = parseManifests(text)
    if (parsed.kind === 'parsed') documents.push(...parsed.documents)
    else problems.push(...parsed.problems.map((problem) => `${file}: ${problem}`))
    texts.push(`---\n# ${file}\n${text}`)
  }
  const text = texts.join('')
  // The reconciler reads the one text, whose bounds are those of all files together.
  const whole = parseManifests(text)
  if (problems.length === 0 && whole.kind === 'invalid') {
    problems.push(...whole.problems.map((problem) => `all files together: ${problem}`))
  }
  return { text, documents, problems }
}

/** As it will stand in the one text: without a byte order mark, and with its last line ended. */
function normalise(text: string): string {
  const plain = text.replace(/^\uFEFF/, '')
  return plain === '' || plain.endsWith('\n') ? plain : `${plain}\n`
}

async function manifestFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && extensions.has(extname(entry.name)))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => !file.split('/').some((part) => part.startsWith('.')))
    .sort()
}
