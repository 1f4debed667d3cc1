import { AppError } from '../core/errors.ts'

/** What comes back soonest comes first, or nothing would be tried again once that has passed. */
const bySoonest = ['retryable', 'waiting', 'terminal'] as const

/**
 * Does the work for one after the other. What is in the way of one alone, however long, holds up none of the others,
 * and is thrown once all had their turn, of several what passes soonest; what all would meet is thrown at once.
 */
export async function forEachObject<T>(objects: readonly T[], work: (object: T) => Promise<void>): Promise<void> {
  const errors: AppError[] = []
  for (const object of objects) {
    try {
      await work(object)
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'aborted' || error.reason === 'ApiUnavailable') throw error
      errors.push(error)
    }
  }
  const soonest = bySoonest.flatMap((kind) => errors.filter((error) => error.kind === kind))[0]
  if (soonest !== undefined) throw soonest
}

/** Whoever forbids a deletion may come to allow it, and no event tells when: what is refused for good is tried again. */
export async function mendable(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'terminal') throw error
    throw new AppError({ kind: 'waiting', reason: error.reason, message: error.message, cause: error })
  }
}
