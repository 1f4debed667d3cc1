import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { build, type Metafile } from 'esbuild'
import { asciiOnly, builtinsRequired, withoutUnused } from './smaller-bundle.ts'

export interface BundleOptions {
  /** Root of the checkout whose sources are bundled, with its node_modules. */
  readonly root: string
  /** The program's first file, from the root. */
  readonly entry: string
  /** The folder to write; what was there goes. */
  readonly out: string
  /** Folders that the program reads beside itself: name there → folder, from the root. */
  readonly assets?: Readonly<Record<string, string>>
}

/**
 * Makes one ESM file of a program and all it imports, for the Node that this runs on, so that an image needs no
 * node_modules. The same sources give the same bytes wherever the checkout lies. Answers the file's name in `out`.
 */
export async function bundleProgram({ root, entry, out, assets = {} }: BundleOptions): Promise<string> {
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  const outfile = `${basename(entry, '.ts')}.mjs`
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: join(out, outfile),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: `node${process.versions.node.split('.')[0]}`,
    // Names stay, for they are in logs, metrics of the profiler and stacks.
    minifyWhitespace: true,
    minifySyntax: true,
    // Node shows the line of an error above its stack; all on one line would push the stack out of the last log lines.
    lineLimit: 200,
    // Where node_modules is a link, packages would else be named by where it leads.
    preserveSymlinks: true,
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    plugins: [builtinsRequired, withoutUnused, asciiOnly],
    banner: { js: commonJsNames },
    metafile: true,
    logLevel: 'silent',
  })
  await Promise.all([
    nameSourcesFromRoot(join(out, `${outfile}.map`), root),
    writeFile(join(out, 'THIRD-PARTY-NOTICES'), await collectLicences(metafile, root)),
    ...Object.entries(assets).map(([name, folder]) => cp(join(root, folder), join(out, name), { recursive: true })),
  ])
  return outfile
}

/** What CommonJS packages take for granted and an ES module lacks. */
const commonJsNames = [
  "import { createRequire as __createRequire } from 'node:module'",
  "import { fileURLToPath as __fileURLToPath } from 'node:url'",
  'const require = __createRequire(import.meta.url)',
  'const __filename = __fileURLToPath(import.meta.url)',
  "const __dirname = __fileURLToPath(new URL('.', import.meta.url))",
].join(';')

interface SourceMap {
  readonly sources: readonly string[]
}

async function nameSourcesFromRoot(path: string, root: string): Promise<void> {
  const map = JSON.parse(await readFile(path, 'utf8')) as SourceMap
  // Node's own modules are no files.
  const sources = map.sources.map((source) =>
    source.includes(':') ? source : relative(root, resolve(dirname(path), source)),
  )
  await writeFile(path, JSON.stringify({ ...map, sources }))
}

/** The licences of all packages that went into a bundle, as they ask to be passed on. */
async function collectLicences(metafile: Metafile, root: string): Promise<string> {
  const folders = new Set(Object.keys(metafile.inputs).flatMap((input) => packageFolder(input) ?? []))
  const notices = await Promise.all([...folders].sort().map((folder) => licenceOf(join(root, folder))))
  return notices.join('\n')
}

function packageFolder(input: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]
}

async function licenceOf(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    readonly name: string
    readonly version: string
    readonly license?: string
  }
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  return [`==== ${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n')
}
