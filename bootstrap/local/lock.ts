import { spawn } from 'node:child_process'
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface LockOptions {
  readonly signal?: AbortSignal
  /** Told once when another process holds the lock. */
  readonly onWait?: () => void
}

export interface HeldLock {
  /** Deletes the lock's file, at the end of the work of whoever will not need it again. */
  discard(): Promise<void>
}

/**
 * Runs `work` while holding an exclusive lock on a file, shared with every process of this machine.
 *
 * The lock is the kernel's, flock(2), and belongs to the open file: flock(1) takes it on the descriptor that it
 * shares with us. So a process that is killed lets it go at once, and there is no stale lock to detect.
 */
export async function withLock<T>(
  path: string,
  options: LockOptions,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  const file = await acquire(path, options)
  try {
    return await work({ discard: () => rm(path, { force: true }) })
  } finally {
    await file.close()
  }
}

async function acquire(path: string, { signal, onWait }: LockOptions): Promise<FileHandle> {
  const waitNotice = onWait && setTimeout(onWait, 300)
  try {
    for (;;) {
      signal?.throwIfAborted()
      await mkdir(dirname(path), { recursive: true })
      const file = await open(path, 'a', 0o600)
      try {
        await lockDescriptor(file.fd, signal)
        // Who held it before us may have deleted it, and another made it anew: theirs then is the one that counts.
        if (await isSameFile(file, path)) return file
      } catch (error) {
        await file.close()
        throw error
      }
      await file.close()
    }
  } finally {
    clearTimeout(waitNotice)
  }
}

async function isSameFile(file: FileHandle, path: string): Promise<boolean> {
  const [opened, named] = await Promise.all([file.stat(), stat(path).catch(() => undefined)])
  return named !== undefined && opened.ino === named.ino && opened.dev === named.dev
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
