import { readdir, readFile, stat } from 'node:fs/promises'
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
  const { files, others } = await manifestFiles(folder)
  const problems = others.map((file) => `${file}: is no plain file: put what it stands for in its place`)
  for (const file of files) {
    const read = decode(await readFile(join(folder, file)))
    if (read === undefined) {
      problems.push(`${file}: is not UTF-8`)
      continue
    }
    const text = normalise(read)
    const parsed = parseManifests(text)
    if (parsed.kind === 'parsed') documents.push(...parsed.documents)
    else problems.push(...parsed.problems.map((problem) => `${file}: ${problem}`))
    texts.push(`---\n# ${onOneLine(file)}\n${text}`)
  }
  const text = texts.join('')
  // The reconciler reads the one text, whose bounds are those of all files together.
  const whole = parseManifests(text)
  if (problems.length === 0 && whole.kind === 'invalid') {
    problems.push(...whole.problems.map((problem) => `all files together: ${problem}`))
  }
  return { text, documents, problems }
}

/** Undefined where the bytes are no UTF-8, which the reconciler refuses too. */
function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** In a comment, which a line break would end: what follows it would be read as a manifest. */
function onOneLine(file: string): string {
  return file.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?')
}

/** As it will stand in the one text: without a byte order mark, and with its last line ended. */
function normalise(text: string): string {
  const plain = text.replace(/^\uFEFF/, '')
  return plain === '' || plain.endsWith('\n') ? plain : `${plain}\n`
}

/** Others are named as manifests are and can't be read as one, or are links to folders: left out, they would be missed. */
interface FoundFiles {
  readonly files: readonly string[]
  readonly others: readonly string[]
}

async function manifestFiles(folder: string): Promise<FoundFiles> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files: string[] = []
  const others: string[] = []
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    const file = relative(folder, path).split(sep).join('/')
    if (entry.isDirectory() || file.split('/').some((part) => part.startsWith('.'))) continue
    const isNamedSo = extensions.has(extname(entry.name))
    if (entry.isFile()) {
      if (isNamedSo) files.push(file)
    } else if (isNamedSo || (entry.isSymbolicLink() && (await isFolder(path)))) others.push(file)
  }
  return { files: files.sort(), others: others.sort() }
}

/** What a link leads to; one that leads nowhere is none. */
async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
