import { spawn } from 'node:child_process'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface LockOptions {
  readonly signal?: AbortSignal
  /** Told once when another process holds the lock. */
  readonly onWait?: () => void
}

/** Held until its file is closed by us, and by every child that was given the descriptor. */
export interface HeldLock {
  readonly fd: number
}

/**
 * Runs `work` while holding an exclusive lock on a file, shared with every process of this machine.
 *
 * The lock is the kernel's, flock(2), and belongs to the open file: flock(1) takes it on the descriptor that it
 * shares with us. So a killed process lets it go at once, and there is no stale lock to detect; yet where the
 * descriptor was handed to a child that must not be overtaken, it lasts until that child has ended too.
 */
export async function withLock<T>(
  path: string,
  options: LockOptions,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  options.signal?.throwIfAborted()
  await mkdir(dirname(path), { recursive: true })
  const file = await open(path, 'a', 0o600)
  const waitNotice = options.onWait && setTimeout(options.onWait, 300)
  try {
    await lockDescriptor(file.fd, options.signal)
    clearTimeout(waitNotice)
    return await work({ fd: file.fd })
  } finally {
    clearTimeout(waitNotice)
    await file.close()
  }
}

function lockDescriptor(fd: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const flock = spawn('flock', ['--exclusive', '3'], { stdio: ['ignore', 'ignore', 'inherit', fd] })
    const abort = (): void => void flock.kill()
    signal?.addEventListener('abort', abort, { once: true })
    flock.once('error', (error) => reject(new Error(`flock (util-linux) could not be run: ${error.message}`)))
    flock.once('close', (code) => {
      signal?.removeEventListener('abort', abort)
      if (code === 0) resolve()
      else reject(signal?.aborted ? signal.reason : new Error(`flock ended with ${code}`))
    })
  })
}
