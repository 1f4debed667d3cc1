import { AppError } from '../core/errors.ts'

/** The error of ours with which a call ended; whatever else it ended with is thrown. */
export async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error: unknown = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  if (error instanceof AppError) return error
  throw error
}
