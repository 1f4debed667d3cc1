/** What was asked within a stretch of time, and how often each thing. */
import type { Asked } from './http-proxy.ts'

export class RequestTally {
  readonly #startedAtMs = performance.now()
  readonly #counts = new Map<string, number>()
  #endedAtMs: number | undefined

  count(line: string): void {
    this.#counts.set(line, this.countOf(line) + 1)
  }

  /** Where it was counted after the event, `lastedMs` tells how long that took. */
  end(lastedMs?: number): void {
    this.#endedAtMs = lastedMs === undefined ? performance.now() : this.#startedAtMs + lastedMs
  }

  get lastedMs(): number {
    return (this.#endedAtMs ?? performance.now()) - this.#startedAtMs
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
  }

  /** What was asked more often than that. */
  above(most: number): readonly string[] {
    return [...this.#counts].filter(([, count]) => count > most).map(([line, count]) => `${count} times ${line}`)
  }

  countOf(line: string): number {
    return this.#counts.get(line) ?? 0
  }

  countOfAll(isMeant: (line: string) => boolean): number {
    return [...this.#counts].reduce((sum, [line, count]) => (isMeant(line) ? sum + count : sum), 0)
  }

  /** For people: what was asked most often comes first. */
  describe(): string {
    const lines = [...this.#counts].toSorted(([, one], [, other]) => other - one)
    const most = lines.slice(0, 4).map(([line, count]) => `${count} ${line}`)
    return `${this.total} requests in ${(this.lastedMs / 1000).toFixed(1)} s, of ${lines.length} kinds: ${most.join(', ')}`
  }
}

/** A request by what it asks: the same each time that it is tried again. */
export function lineOf({ method, path, isWatch, isWrite }: Asked): string {
  if (isWatch) return `watch ${path}`
  return `${method !== 'GET' && !isWrite ? 'dry-run' : method} ${path}`
}

/**
 * How often something may be tried in that time that waits between two tries, first from half of `baseMs` to `baseMs`,
 * and then twice as long each time: core/backoff.ts.
 */
export function triesWithin(lastedMs: number, baseMs: number): number {
  return 1 + Math.floor(Math.log2(lastedMs / (baseMs / 2) + 1))
}
