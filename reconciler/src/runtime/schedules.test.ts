import * as fc from 'fast-check'
import t, { type Test } from 'tap'
import { createLog } from '../telemetry/log.ts'
import { cronSchedules } from './schedules.ts'

t.test('five fields, six fields and names of zones are understood', async (t) => {
  const schedules = setUp()

  t.equal(schedules.problemOf('*/5 * * * *', 'UTC'), undefined)
  t.equal(schedules.problemOf('*/2 * * * * *', 'Europe/Zurich'), undefined)
})

const problems: Record<string, [schedule: string, timeZone: string, says: RegExp]> = {
  'too few fields': ['* * *', 'UTC', /5 or 6 fields/],
  'a field that is no number': ['x * * * *', 'UTC', /minute/],
  'a day that never comes': ['0 0 30 2 *', 'UTC', /impossible day/],
  'a working day that its month has not': ['0 0 31W 2 *', 'UTC', /"0 0 31W 2 \*" names no time that ever comes/],
  'a last working day that is a Sunday': ['0 0 LW 4 7', 'Europe/Zurich', /no time that ever comes/],
  'a sixth week of a month': ['0 0 29 feb 6#1', 'UTC', /no time that ever comes/],
  'a zone that nobody knows': ['* * * * *', 'Mars/Base', /"Mars\/Base" is not a time zone/],
}
for (const [what, [schedule, timeZone, says]] of Object.entries(problems)) {
  t.test(`${what} is a problem`, async (t) => t.match(setUp().problemOf(schedule, timeZone), says))
}

t.test('a time that comes once in many years is no problem', async (t) => {
  t.equal(setUp().problemOf('0 0 29 2 1', 'UTC'), undefined)
})

t.test('what is no problem can be followed', async (t) => {
  const schedules = setUp()
  const field = (...values: string[]) => fc.constantFrom('*', ...values)
  const schedule = fc
    .tuple(
      field('0', '*/7', '30-10'),
      field('0', '23', '*/5'),
      field('29', '30', '31', 'L', 'LW', '1W', '31W', 'L-3', '15W', '?', '*/31', '29-31'),
      field('2', '4', '2,4', 'feb', '*/12', '4,6,9,11'),
      field('1', '7', '0#5', '5L', '6#1', '?', '0-7', '1#5,2#5'),
    )
    .map((fields) => fields.join(' '))
  fc.assert(
    fc.property(schedule, fc.constantFrom('UTC', 'Africa/Casablanca', 'America/St_Johns'), (text, timeZone) => {
      if (schedules.problemOf(text, timeZone) === undefined) schedules.follow(text, timeZone, () => {})()
    }),
  )
  t.pass('held for every generated schedule')
})

t.test('all who follow a schedule are called, until they stop', async (t) => {
  const schedules = setUp()
  const calls: string[] = []
  const first = await once(t, (call) => schedules.follow('* * * * * *', 'UTC', call))
  t.ok(first > 0 && first <= 1000, 'it tells how long it is to the next')

  const stop = schedules.follow('* * * * * *', 'UTC', () => calls.push('stopped'))
  stop()
  await once(t, (call) => schedules.follow('* * * * * *', 'UTC', call))
  t.same(calls, [])
})

t.test('how long it is to the next time is told of what is followed', async (t) => {
  const schedules = setUp()
  const stop = schedules.follow('0 * * * *', 'UTC', () => {})
  const untilNextMs = schedules.untilNextMs('0 * * * *', 'UTC')
  t.ok(Math.abs(untilNextMs - (3_600_000 - (Date.now() % 3_600_000))) < 1_000, `${untilNextMs}`)

  stop()
  t.throws(() => schedules.untilNextMs('0 * * * *', 'UTC'), /nobody follows the schedule "0 \* \* \* \*" in UTC/)
})

t.test('a clock that is set back keeps no schedule waiting', async (t) => {
  const schedules = setUp()
  const RealDate = Date
  let aheadMs = 0
  class SteppedDate extends RealDate {
    constructor(...given: [] | [number]) {
      super(...(given.length === 0 ? ([RealDate.now() + aheadMs] as const) : given))
    }

    static override now(): number {
      return RealDate.now() + aheadMs
    }
  }
  globalThis.Date = SteppedDate as DateConstructor
  t.teardown(() => {
    globalThis.Date = RealDate
  })
  let calls = 0
  const called = Promise.withResolvers<void>()
  const stop = schedules.follow('* * * * * *', 'UTC', () => {
    calls += 1
    if (calls === 1) aheadMs = -3_600_000
    if (calls === 3) called.resolve()
  })
  t.teardown(stop)

  const beganMs = performance.now()
  await called.promise
  t.ok(performance.now() - beganMs < 10_000, 'it is called on')
  t.equal(calls, 3)
})

async function once(t: Test, follow: (call: (untilNextMs: number) => void) => () => void): Promise<number> {
  return new Promise((resolve) => {
    const stop = follow(resolve)
    t.teardown(stop)
  })
}

function setUp() {
  return cronSchedules(createLog({ level: 'error', destination: { write: () => {} } }))
}
