import { AppError } from '../core/errors.ts'

/**
 * Does the work for one after the other. What is in the way of one alone, however long, holds up none of the others,
 * and is thrown once all had their turn; what all would meet is thrown at once.
 */
export async function forEachObject<T>(objects: readonly T[], work: (object: T) => Promise<void>): Promise<void> {
  let first: AppError | undefined
  for (const object of objects) {
    try {
      await work(object)
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'aborted' || error.reason === 'ApiUnavailable') throw error
      first ??= error
    }
  }
  if (first !== undefined) throw first
}
