import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from './config.ts'
import type { StackName } from './stack.ts'
import { createBase } from './stacks/base.ts'
import { createClusterStack } from './stacks/cluster.ts'
import { createPlatform } from './stacks/platform.ts'
import { App } from './tf.ts'

/** In the order in which they are applied. */
export const stackNames: readonly StackName[] = ['base', 'platform', 'cluster']

/** Writes `stacks/<name>/cdk.tf.json` into a folder: the same bytes for the same configuration. */
export function synthesize(config: Config, folder: string): void {
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true })
  const app = new App({ outdir: folder, stackTraces: false })
  const base = createBase(app, config)
  const platform = createPlatform(app, config, base)
  createClusterStack(app, config, base, platform)
  app.synth()
}

export function stackFile(folder: string, name: StackName): string {
  return join(folder, 'stacks', name, 'cdk.tf.json')
}
