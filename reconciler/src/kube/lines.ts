const lineFeed = 0x0a

/**
 * The lines of a byte stream, wherever its chunks are cut. What follows the last line feed is dropped: the stream
 * broke off there. Throws RangeError for a line longer than `maxBytes`.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  let pieces: Uint8Array[] = []
  let pieceBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      pieces.push(chunk.subarray(start, end))
      yield Buffer.concat(pieces).toString('utf8')
      pieces = []
      pieceBytes = 0
      start = end + 1
    }
    pieces.push(chunk.subarray(start))
    pieceBytes += chunk.length - start
    if (pieceBytes > maxBytes) throw new RangeError(`a line is longer than ${maxBytes} bytes`)
  }
}
