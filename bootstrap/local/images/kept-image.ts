import { createHash } from 'node:crypto'
import { glob, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { buildImage, type BuildImageOptions } from './build-image.ts'
import { openLayout, type OciImage } from './oci-image.ts'
import { cacheDir } from '../paths.ts'

export interface KeptImageOptions extends Omit<BuildImageOptions, 'out'> {
  /** A short word; the newest image of each name is kept. */
  readonly name: string
}

/** Builds an image, or answers the one that was built last of the very same files: most runs change none of them. */
export async function ensureBuiltImage(
  options: KeptImageOptions,
  build: (options: BuildImageOptions) => Promise<OciImage> = buildImage,
): Promise<OciImage> {
  const layout = cacheDir('images', 'built', `${options.name}-${await keyOf(options)}`)
  const kept = await openLayout(layout).catch(() => undefined)
  if (kept !== undefined) return kept

  const part = `${layout}.${process.pid}.part`
  await build({ ...options, out: part })
  // Under its name only when it is whole: a build that is killed leaves nothing that looks like an image.
  await rm(layout, { recursive: true, force: true })
  await rename(part, layout)
  for await (const other of glob(`${options.name}-*`, { cwd: dirname(layout) })) {
    if (isOfName(other, options.name) && other !== basename(layout)) {
      await rm(join(dirname(layout), other), { recursive: true, force: true })
    }
  }
  return openLayout(layout)
}

async function keyOf({ context, dockerfile, base, release }: KeptImageOptions): Promise<string> {
  const key = createHash('sha256').update(JSON.stringify([base.reference, release, process.version, process.arch]))
  key.update(await readFile(dockerfile))
  const files: string[] = []
  for await (const file of glob('**', { cwd: context })) files.push(file)
  for (const file of files.sort()) {
    const path = join(context, file)
    // The runtime is told by its version above; it is large, and the same for all programs.
    if (file === 'node' || (await stat(path)).isDirectory()) continue
    key
      .update(file)
      .update('\0')
      .update(await readFile(path))
  }
  return key.digest('hex').slice(0, 12)
}

function isOfName(folder: string, name: string): boolean {
  return /^-[0-9a-f]{12}(\.\d+\.part)?$/.test(folder.slice(name.length))
}
