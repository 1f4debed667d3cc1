import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'

/** Answers a function that hands on what was added to a file since its last call; the file may come later. */
export function followFile(path: string, onText: (text: string) => void): () => void {
  const decoder = new StringDecoder('utf8')
  const buffer = Buffer.alloc(65_536)
  let offset = 0
  return () => {
    if (!existsSync(path)) return
    const file = openSync(path, 'r')
    try {
      for (;;) {
        const length = readSync(file, buffer, 0, buffer.length, offset)
        if (length === 0) return
        offset += length
        onText(decoder.write(buffer.subarray(0, length)))
      }
    } finally {
      closeSync(file)
    }
  }
}
