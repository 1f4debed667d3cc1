import { createHash } from 'node:crypto'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDir } from '../paths.ts'
import { isInStore, withBuilder, type Builder, type BuilderOptions } from './builder.ts'
import { resolvePackages, unpackPackages, type DebianPackage } from './debian-root.ts'
import { openLayout, type OciImage } from './oci-image.ts'

export interface DebianImageSpec {
  /** A short word; one image is kept under it. */
  readonly name: string
  readonly packages: readonly string[]
  /** Paths of those packages that the image can do without. */
  readonly without?: readonly string[]
  readonly entrypoint?: readonly string[]
}

export interface DebianImageOptions extends BuilderOptions {
  readonly onStep?: (step: string) => void
}

/** An image that later builds can start from, and that can be pushed as it is. */
export interface LocalImage {
  /** What the builder's store calls it. */
  readonly reference: string
  readonly image: OciImage
  readonly packages: readonly DebianPackage[]
}

/**
 * An image of Debian packages and what they need, run as 65532:65532. It is made again when apt would install another
 * version of any of them, and the one before is removed then.
 */
export async function ensureDebianImage(spec: DebianImageSpec, options: DebianImageOptions = {}): Promise<LocalImage> {
  const packages = await resolvePackages(spec.packages, options)
  const { name, entrypoint = [], without = [] } = spec
  const key = createHash('sha256')
    .update(JSON.stringify({ recipe, packages, without, entrypoint, arch: process.arch }))
    .digest('hex')
    .slice(0, 12)
  const reference = `localhost/windlass/${name}:${key}`
  const layout = cacheDir('images', 'debian', `${name}-${key}`)
  const find = async () =>
    (await isInStore(reference, options)) ? openLayout(layout).catch(() => undefined) : undefined
  const found = await find()
  if (found !== undefined) return { reference, image: found, packages }

  return withBuilder(options, async (builder) => {
    const foundNow = await find()
    if (foundNow !== undefined) return { reference, image: foundNow, packages }

    options.onStep?.(`making the image ${name} of ${packages.length} Debian packages`)
    await make(builder, reference, spec, options)
    const image = await exportWhole(builder, reference, layout)
    await removeOthers(builder, name, key)
    return { reference, image, packages }
  })
}

/** To be raised when the way images are made changes. */
const recipe = 1

async function make(
  builder: Builder,
  reference: string,
  spec: DebianImageSpec,
  options: DebianImageOptions,
): Promise<void> {
  const context = cacheDir('images', 'tmp', `debian-${spec.name}`)
  await rm(context, { recursive: true, force: true })
  await mkdir(join(context, 'root'), { recursive: true })
  try {
    await unpackPackages(spec.packages, join(context, 'root'), options)
    for (const path of spec.without ?? []) await rm(join(context, 'root', path), { recursive: true })
    const dockerfile = join(context, 'Dockerfile')
    await writeFile(
      dockerfile,
      [
        'FROM scratch',
        'COPY root/ /',
        'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8',
        'USER 65532:65532',
        ...(spec.entrypoint ? [`ENTRYPOINT ${JSON.stringify(spec.entrypoint)}`] : []),
        '',
      ].join('\n'),
    )
    await builder.build({ name: reference, dockerfile, context })
  } finally {
    await rm(context, { recursive: true, force: true })
  }
}

/** Under its name only when it is whole: an export that is killed leaves no layout that looks like one. */
async function exportWhole(builder: Builder, reference: string, layout: string): Promise<OciImage> {
  await rm(layout, { recursive: true, force: true })
  await builder.export(reference, `${layout}.part`)
  await rename(`${layout}.part`, layout)
  return openLayout(layout)
}

async function removeOthers(builder: Builder, name: string, key: string): Promise<void> {
  const prefix = `localhost/windlass/${name}:`
  const names = (await builder.names()).filter((other) => other.startsWith(prefix) && other !== `${prefix}${key}`)
  for (const other of names) await builder.remove(other)
  const folders = await readdir(cacheDir('images', 'debian'))
  const old = folders.filter((folder) => folder.replace(/-[^-]*$/, '') === name && folder !== `${name}-${key}`)
  for (const folder of old) await rm(cacheDir('images', 'debian', folder), { recursive: true, force: true })
}
