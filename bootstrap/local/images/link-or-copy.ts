import { copyFile, link } from 'node:fs/promises'

/** A second name for a file that nobody will change, or a copy of it where a second name is not to be had. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    // Another file system, another owner's file, or one with all the names it can have.
    if (!['EXDEV', 'EPERM', 'EMLINK'].includes(code)) throw error
    await copyFile(from, to)
  }
}
