import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** Whether a person types exactly the word that is asked for. */
export async function isConfirmed(
  question: string,
  word: string,
  { input, output, signal }: { readonly input: Readable; readonly output: Writable; readonly signal: AbortSignal },
): Promise<boolean> {
  output.write(`${question}\nType ${word} to go on: `)
  const lines = createInterface({ input })
  try {
    const [line] = (await Promise.race([
      once(lines, 'line', { signal }),
      // Where there is nobody to type.
      once(lines, 'close', { signal }).then(() => ['']),
    ])) as [string]
    return line.trim() === word
  } finally {
    lines.close()
  }
}
