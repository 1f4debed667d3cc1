/**
 * A moment as `2026-11-23T05:58:52.1234567Z`, always with seven digits, so that the order of the texts is the order of
 * the moments.
 */
export type Moment = string

const ticksPerMs = 10_000n

/** Gives out moments in ticks of 100 ns, as .NET and so ACR count them, each later than all before it. */
export class UpdateClock {
  readonly #nowMs: () => number
  #last = 0n

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  next(): Moment {
    // A system clock in milliseconds has no finer digits of its own.
    const fraction = (process.hrtime.bigint() / 100n) % ticksPerMs
    const now = BigInt(Math.floor(this.#nowMs())) * ticksPerMs + fraction
    this.#last = now > this.#last ? now : this.#last + 1n
    return printMoment(this.#last)
  }

  /** Makes sure that what comes next is later than a moment given out by an earlier process. */
  observe(moment: Moment): void {
    const ticks = ticksOf(moment)
    if (ticks > this.#last) this.#last = ticks
  }
}

/** As ACR writes it, zeros at the end left out: `2021-07-12T19:20:00.913255Z`. */
export function printAcrTime(moment: Moment): string {
  return moment.replace(/\.?0+Z$/, 'Z')
}

function printMoment(ticks: bigint): Moment {
  const seconds = new Date(Number(ticks / ticksPerMs)).toISOString().slice(0, 19)
  return `${seconds}.${String(ticks % (ticksPerMs * 1000n)).padStart(7, '0')}Z`
}

function ticksOf(moment: Moment): bigint {
  const seconds = Date.parse(`${moment.slice(0, 19)}Z`)
  return BigInt(seconds) * ticksPerMs + BigInt(moment.slice(20, 27))
}
