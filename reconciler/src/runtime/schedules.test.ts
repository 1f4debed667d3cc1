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
  'a zone that nobody knows': ['* * * * *', 'Mars/Base', /"Mars\/Base" is not a time zone/],
}
for (const [what, [schedule, timeZone, says]] of Object.entries(problems)) {
  t.test(`${what} is a problem`, async (t) => t.match(setUp().problemOf(schedule, timeZone), says))
}

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

async function once(t: Test, follow: (call: (untilNextMs: number) => void) => () => void): Promise<number> {
  return new Promise((resolve) => {
    const stop = follow(resolve)
    t.teardown(stop)
  })
}

function setUp() {
  return cronSchedules(createLog({ level: 'error', destination: { write: () => {} } }))
}
