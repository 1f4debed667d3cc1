import { createHash } from 'node:crypto'
import { access, chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDir } from '../paths.ts'
import { run } from '../run.ts'

export interface DebianPackage {
  readonly name: string
  readonly version: string
}

export interface DebianOptions {
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

/**
 * The packages that these ones need to run, with the versions that this machine's apt would install now. Asks nobody
 * but apt's own lists; where they lack a package they are updated once, as root.
 */
export async function resolvePackages(
  packages: readonly string[],
  options: DebianOptions = {},
): Promise<readonly DebianPackage[]> {
  // apt takes a second to read its lists, which change when they are updated.
  await mkdir(cacheDir('images'), { recursive: true })
  const memo = cacheDir('images', `resolved-${hashOf([packages, notNeeded])}.json`)
  const listsChangedAt = await lastChangeOfLists()
  const known = await readMemo(memo)
  if (known?.listsChangedAt === listsChangedAt) return known.resolved

  const { stdout } = await withFreshLists(['--simulate', 'install', ...withSkeleton(packages)], options)
  const resolved = [...stdout.matchAll(/^Inst (\S+) \((\S+) /gm)]
    .map(([, name = '', version = '']) => ({ name, version }))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
  await writeWhole(memo, JSON.stringify({ listsChangedAt, resolved } satisfies Memo))
  return resolved
}

interface Memo {
  readonly listsChangedAt: string
  readonly resolved: readonly DebianPackage[]
}

async function readMemo(path: string): Promise<Memo | undefined> {
  return (await exists(path)) ? (JSON.parse(await readFile(path, 'utf8')) as Memo) : undefined
}

async function lastChangeOfLists(): Promise<string> {
  const places = ['/var/lib/apt/lists', '/etc/apt', '/etc/apt/sources.list.d', '/etc/apt/preferences.d']
  const present = await Promise.all(places.map(exists))
  const times = await Promise.all(places.filter((_, index) => present[index]).map((place) => stat(place)))
  return times.map(({ mtimeMs }) => mtimeMs).join(' ')
}

/** Never half a file, for another process may read it. */
async function writeWhole(path: string, text: string): Promise<void> {
  const part = `${path}.${process.pid}`
  await writeFile(part, text)
  await rename(part, path)
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12)
}

/** Unpacks what {@link resolvePackages} found into an empty folder, without running any package's scripts. */
export async function unpackPackages(
  packages: readonly string[],
  root: string,
  options: DebianOptions = {},
): Promise<void> {
  const archives = `${root}.debs`
  await rm(archives, { recursive: true, force: true })
  await mkdir(join(archives, 'partial'), { recursive: true })
  const into = ['-o', `Dir::Cache::archives=${archives}`]
  await withFreshLists([...into, '--download-only', 'install', ...withSkeleton(packages)], options)

  // The skeleton comes first: in newer releases it holds the links that other packages' files go through.
  const files = (await readdir(archives)).filter((file) => file.endsWith('.deb')).sort()
  const skeletonFirst = [...files.filter(isSkeleton), ...files.filter((file) => !isSkeleton(file))]
  await mkdir(join(root, 'var/lib/dpkg/status.d'), { recursive: true })
  for (const file of skeletonFirst) {
    const archive = join(archives, file)
    await run('dpkg-deb', ['--extract', archive, root], options)
    // Where images without dpkg's database say what is in them; scanners read it.
    const { stdout } = await run('dpkg-deb', ['--field', archive], options)
    await writeFile(join(root, 'var/lib/dpkg/status.d', file.replace(/_.*/, '')), `${stdout}\n`)
  }
  await doWhatScriptsWouldDo(root)
  await removeWhatNobodyReads(root)
  await rm(archives, { recursive: true })
}

const skeleton = 'base-files'
const isSkeleton = (file: string): boolean => file.startsWith(`${skeleton}_`)

function withSkeleton(packages: readonly string[]): readonly string[] {
  return [skeleton, ...packages]
}

/** Needed by packages' scripts, which are not run, so they are said to be installed. */
const notNeeded = [
  'adduser',
  'debconf',
  'dpkg',
  'init-system-helpers',
  'lsb-base',
  'openssl',
  'passwd',
  'sysvinit-utils',
]

async function apt(args: readonly string[], { signal }: DebianOptions) {
  const status = cacheDir('images', 'apt-status')
  const stanzas = [...notNeeded.map((name) => [name, '']), ['mawk', 'Provides: awk\n']].map(
    ([name, more]) =>
      `Package: ${name}\nStatus: install ok installed\nVersion: 99999\nArchitecture: all\n${more}` +
      'Maintainer: nobody\nDescription: not needed here\n',
  )
  await writeWhole(status, stanzas.join('\n'))
  const config = [
    `Dir::State::status=${status}`,
    'APT::Install-Recommends=false',
    'APT::Sandbox::User=root',
    // Nothing of this machine's package database is read or written.
    'Debug::NoLocking=true',
  ]
  const flags = ['--quiet', '--yes', ...config.flatMap((option) => ['-o', option])]
  return run('apt-get', [...flags, ...args], { env: { LC_ALL: 'C' }, ...(signal && { signal }) })
}

async function withFreshLists(args: readonly string[], options: DebianOptions) {
  try {
    return await apt(args, options)
  } catch (error) {
    options.signal?.throwIfAborted()
    if (process.getuid?.() !== 0) throw error
    // Lists that are missing, or older than what the mirror still holds.
    options.onStep?.('updating the lists of Debian packages')
    await run('apt-get', ['update', '--quiet'], options.signal && { signal: options.signal })
    return apt(args, options)
  }
}

async function doWhatScriptsWouldDo(root: string): Promise<void> {
  await mkdir(join(root, 'tmp'), { recursive: true })
  await chmod(join(root, 'tmp'), 0o1777)
  await mkdir(join(root, 'etc'), { recursive: true })
  await writeFile(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/usr/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/usr/sbin/nologin\n',
  )
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n')
  await bundleCertificates(root)
}

async function bundleCertificates(root: string): Promise<void> {
  const folder = join(root, 'usr/share/ca-certificates/mozilla')
  if (!(await exists(folder))) return
  const names = (await readdir(folder)).filter((name) => name.endsWith('.crt')).sort()
  const certificates = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  await mkdir(join(root, 'etc/ssl/certs'), { recursive: true })
  await writeFile(join(root, 'etc/ssl/certs/ca-certificates.crt'), certificates.join(''))
}

async function removeWhatNobodyReads(root: string): Promise<void> {
  for (const folder of ['man', 'info', 'locale', 'lintian', 'bug']) {
    await rm(join(root, 'usr/share', folder), { recursive: true, force: true })
  }
  // Of the documentation the licences stay. A link among these may lead out of the folder, so none is followed.
  const documents = join(root, 'usr/share/doc')
  for (const entry of await foldersIn(documents)) {
    for (const file of await readdir(join(documents, entry))) {
      if (file !== 'copyright') await rm(join(documents, entry, file), { recursive: true })
    }
  }
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  if (!(await exists(folder))) return []
  const entries = await readdir(folder, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
