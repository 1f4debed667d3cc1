import { setTimeout as sleep } from 'node:timers/promises'

const holdMs = 300

/**
 * What a watch hands over, each line twice; of two that come within a moment the later one first, so that the older one
 * is the last word. An API server never does so: whoever survives it, survives what a watch may do.
 */
export async function* disordered(lines: AsyncIterable<string>): AsyncGenerator<string> {
  const iterator = lines[Symbol.asyncIterator]()
  let next = iterator.next()
  for (;;) {
    const one = await next
    if (one.done === true) return
    next = iterator.next()
    const other = await Promise.race([next, sleep(holdMs)])
    if (other !== undefined && other.done !== true) {
      yield other.value
      yield other.value
      next = iterator.next()
    }
    yield one.value
    yield one.value
  }
}
