import { mkdir, rm } from 'node:fs/promises'
import { cacheDir } from '../paths.ts'
import { withLock } from '../lock.ts'
import { CommandFailed, run } from '../run.ts'
import { adoptDirectory, type OciImage } from './oci-image.ts'

export interface BuilderOptions {
  readonly signal?: AbortSignal
  /** Told each line of the builder's output. */
  readonly onLine?: (line: string) => void
  /** Told when another process is building. */
  readonly onWait?: () => void
}

/** buildah with a store of its own in the user's cache: no daemon, no mount, nothing in /var/lib/containers/storage. */
export interface Builder {
  /** Builds a Dockerfile; the image is kept in the store under that name. */
  build(build: BuildCall): Promise<void>
  /** Writes an image of the store to a folder, layers uncompressed: what is pulled over loopback need not be. */
  export(name: string, folder: string): Promise<OciImage>
  remove(name: string): Promise<void>
  /** Names of the images in the store. */
  names(): Promise<readonly string[]>
}

export interface BuildCall {
  readonly name: string
  readonly dockerfile: string
  readonly context: string
  readonly args?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

/**
 * Whether the store holds an image; asked without waiting for builds, and of that one alone: who lists all of them fails
 * where one is removed meanwhile.
 */
export async function isInStore(name: string, options: BuilderOptions): Promise<boolean> {
  try {
    await buildah(['images', '--quiet', name], options)
    return true
  } catch (error) {
    if (error instanceof CommandFailed && error.stderr.includes(`${name}: image not known`)) return false
    throw error
  }
}

/** Runs `work` with the builder, alone: one build takes all that a small machine has. */
export async function withBuilder<T>(options: BuilderOptions, work: (builder: Builder) => Promise<T>): Promise<T> {
  return withLock(cacheDir('images', 'builder.lock'), options, async () => {
    const call = (args: readonly string[]) => buildah(args, options)
    await clearLeftovers(call)
    return work(openBuilder(call))
  })
}

type Call = (args: readonly string[]) => Promise<string>

async function buildah(args: readonly string[], { signal, onLine }: BuilderOptions): Promise<string> {
  await mkdir(cacheDir('images', 'tmp'), { recursive: true })
  const store = [
    '--root',
    cacheDir('images', 'store'),
    '--runroot',
    cacheDir('images', 'run'),
    '--storage-driver',
    'vfs',
  ]
  const { stdout } = await run('buildah', [...store, ...args], {
    env: { TMPDIR: cacheDir('images', 'tmp') },
    ...(signal && { signal }),
    ...(onLine && { onLine }),
  })
  return stdout
}

/** Images under this name are there while they are built and written out, and no longer. */
export const passingName = 'localhost/windlass/build'

/** What a build that was killed left: its working container, its image, and stages that no image names. */
async function clearLeftovers(call: Call): Promise<void> {
  const containers = (await call(['containers', '--quiet'])).split('\n').filter(Boolean)
  if (containers.length > 0) await call(['rm', ...containers])
  const passing = (await namesInStore(call)).filter((name) => name.startsWith(`${passingName}:`))
  if (passing.length > 0) await call(['rmi', '--force', ...passing])
  const stages = (await call(['images', '--quiet', '--filter', 'dangling=true'])).split('\n').filter(Boolean)
  if (stages.length > 0) await call(['rmi', '--force', ...stages])
}

async function namesInStore(call: Call): Promise<readonly string[]> {
  const output = await call(['images', '--format', '{{.Name}}:{{.Tag}}'])
  return output.split('\n').filter(Boolean)
}

function openBuilder(call: Call): Builder {
  return {
    names: () => namesInStore(call),
    remove: async (name) => {
      await call(['rmi', name])
    },
    build: async ({ name, dockerfile, context, args = {}, annotations = {} }) => {
      await call([
        'build',
        '--format=oci',
        // No RUN step needs more, and chroot works where namespaces are not to be had.
        '--isolation=chroot',
        '--pull=never',
        // The same content gives the same layers, so that what did not change is not pushed or pulled again. Layers are
        // not cached from build to build: this buildah finds an image by its steps without the values of arguments.
        '--timestamp=0',
        '--identity-label=false',
        ...Object.entries(args).map(([key, value]) => `--build-arg=${key}=${value}`),
        ...Object.entries(annotations).map(([key, value]) => `--annotation=${key}=${value}`),
        `--tag=${name}`,
        `--file=${dockerfile}`,
        context,
      ])
    },
    export: async (name, folder) => {
      await rm(folder, { recursive: true, force: true })
      await mkdir(folder, { recursive: true })
      await call(['push', '--quiet', '--disable-compression', name, `dir:${folder}`])
      return adoptDirectory(folder)
    },
  }
}
