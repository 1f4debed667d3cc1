import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleProgram } from './bundle.ts'
import { linkOrCopy } from './link-or-copy.ts'

/** What becomes an image of ours: the program's first file, and folders that it reads beside itself. */
export interface Program {
  readonly entry: string
  readonly assets?: Readonly<Record<string, string>>
}

export const programs = {
  predictor: {
    entry: 'predictor/src/server.ts',
    assets: { 'swagger-ui': 'node_modules/@fastify/swagger-ui/static' },
  },
  reconciler: { entry: 'reconciler/src/main.ts' },
} as const satisfies Record<string, Program>

export interface ContextOptions {
  /** Root of the checkout that is built. */
  readonly root: string
  readonly program: Program
  /** The folder to write; what was there goes. */
  readonly out: string
}

/**
 * Makes the folder that a Dockerfile of ours copies from, the same for every builder: `node`, the very runtime that the
 * lock file names, `app/` with one bundle, and `licenses/`.
 */
export async function prepareContext({ root, program, out }: ContextOptions): Promise<void> {
  await rm(out, { recursive: true, force: true })
  await mkdir(join(out, 'licenses'), { recursive: true })
  await bundleProgram({ root, out: join(out, 'app'), ...program })
  const runtime = join(root, 'node_modules', `node-linux-${process.arch}`)
  await Promise.all([
    linkOrCopy(join(runtime, 'bin/node'), join(out, 'node')),
    copyFile(join(runtime, 'LICENSE'), join(out, 'licenses/node')),
    copyFile(join(root, 'LICENSE'), join(out, 'licenses/windlass')),
  ])
}
