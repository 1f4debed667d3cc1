import { open, readFile, rename } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { Change } from './records.ts'

/**
 * Changes in a file, in the order in which they happened: a JSON array of those that belong together a line. What was
 * appended survives the end of the process however it ends; it is not forced to the disk, for a machine that loses
 * power loses its cluster too.
 */
export class Journal {
  readonly #path: string
  #file: FileHandle
  #writes: Promise<void> = Promise.resolve()

  constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  /** Resolves once the changes are in the file, all of them or, after a kill, none. */
  append(changes: readonly Change[]): Promise<void> {
    const write = this.#writes.then(() => this.#file.appendFile(`${JSON.stringify(changes)}\n`))
    // A failed write is its caller's to know; those after it are tried all the same.
    this.#writes = write.catch(() => undefined)
    return write
  }

  /** Puts a shorter journal in place of this one, which leads to the same end. */
  async replace(changes: Iterable<Change>): Promise<void> {
    await this.#writes
    const next = await open(`${this.#path}.new`, 'w')
    try {
      for (const batch of batches(changes)) await next.appendFile(`${JSON.stringify(batch)}\n`)
      await rename(`${this.#path}.new`, this.#path)
    } catch (error) {
      await next.close()
      throw error
    }
    await this.#file.close()
    this.#file = next
  }

  async close(): Promise<void> {
    await this.#writes
    await this.#file.close()
  }
}

/** Opens a journal, made where there is none, and tells `onChange` what it holds. */
export async function openJournal(path: string, onChange: (change: Change) => void): Promise<Journal> {
  const file = await open(path, 'a')
  try {
    const content = await readFile(path)
    // What stands after the last line's end was torn by a kill, and never confirmed to anyone.
    const length = content.lastIndexOf('\n') + 1
    for (const [index, line] of content.toString('utf8', 0, length).split('\n').slice(0, -1).entries()) {
      for (const change of parse(path, index, line)) onChange(change)
    }
    await file.truncate(length)
    return new Journal(path, file)
  } catch (error) {
    await file.close()
    throw error
  }
}

function parse(path: string, index: number, line: string): readonly Change[] {
  try {
    return JSON.parse(line) as readonly Change[]
  } catch (error) {
    throw new Error(`${path} is damaged in line ${index + 1}; delete the state folder to begin anew`, { cause: error })
  }
}

function* batches(changes: Iterable<Change>): Generator<readonly Change[]> {
  let batch: Change[] = []
  for (const change of changes) {
    batch.push(change)
    if (batch.length < 500) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
