import type { Happening } from './happening.ts'
import type { History } from './history.ts'
import type { Push } from './repository.ts'

/** A good release, but for what is said. */
export function push(fields: Partial<Push> = {}): Happening {
  return { kind: 'push', sequence: 'next', bundles: 'one', nature: 'good', hasExtra: false, ...fields }
}

/** Plays one happening, polls the registry, and goes on for so long. */
export async function playFor(history: History, ms: number, happening: Happening): Promise<void> {
  await history.clock.advance(0)
  await history.play(happening)
  await history.poll()
  await history.clock.advance(ms)
}
