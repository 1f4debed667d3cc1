import { join } from 'node:path'
import type { Test } from 'tap'
import { ensureTools } from '../tools.ts'
import type { RegistryConfigInput } from './config.ts'
import type { StandInOptions } from './stand-in.ts'
import { startTestRegistry, temporaryDir } from './testing.ts'
import type { TestRegistry } from './testing.ts'

/** A test's registry with a real distribution behind it. */
export async function startRegistryWithContent(
  t: Test,
  overrides: Partial<RegistryConfigInput> = {},
  options: StandInOptions = {},
): Promise<TestRegistry> {
  const { distribution } = await ensureTools(['distribution'], { onStep: (step) => t.comment(step) })
  const directory = join(await temporaryDir(t), 'distribution')
  return startTestRegistry(t, { distribution: { binary: distribution, directory }, ...overrides }, options)
}
