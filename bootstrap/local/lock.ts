import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'

export interface LockOptions {
  readonly signal?: AbortSignal
  /** Told once when another process holds the lock. */
  readonly onWait?: () => void
}

/**
 * Runs `work` while holding an exclusive lock on a file, shared with every process of this machine.
 *
 * The lock is the kernel's (flock) and belongs to a child that lives as long as our end of its stdin is open, so a
 * process that is killed releases it at once: there is no stale lock to detect. The child is in a session of its own,
 * or Ctrl-C would take it, and the lock, before our own cleaning up has ended.
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  options.signal?.throwIfAborted()
  await mkdir(dirname(path), { recursive: true })
  const holder = spawn('flock', ['--exclusive', path, 'sh', '-c', 'echo held && exec cat >/dev/null'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => {
    holder.once('close', () => resolve())
  })
  const waitNotice = options.onWait && setTimeout(options.onWait, 300)
  const release = (): void => void holder.stdin.end()
  const abort = (): void => void holder.kill()
  options.signal?.addEventListener('abort', abort, { once: true })
  try {
    await held(holder)
    options.signal?.removeEventListener('abort', abort)
    clearTimeout(waitNotice)
    return await work()
  } catch (error) {
    options.signal?.throwIfAborted()
    throw error
  } finally {
    clearTimeout(waitNotice)
    options.signal?.removeEventListener('abort', abort)
    release()
    await ended
  }
}

function held(holder: ReturnType<typeof spawn>): Promise<void> {
  return new Promise((resolve, reject) => {
    holder.once('error', (error) => reject(new Error(`flock (util-linux) could not be run: ${error.message}`)))
    holder.once('close', (code) => reject(new Error(`flock ended with ${code} before it held the lock`)))
    if (holder.stdout) createInterface(holder.stdout).once('line', () => resolve())
  })
}
