import t from 'tap'
import { operatorAnnotations } from '../api/annotations.ts'
import { nextPauseChange, pauseMark, readPause, type PauseMark } from './pause.ts'

const nowMs = Date.parse('2026-01-02T03:04:05Z')

interface Case {
  readonly marks: readonly PauseMark[]
  readonly expected: 'running' | 'all' | 'releases'
  readonly untilMs?: number
  readonly warnings?: number
}

const cases: Record<string, Case> = {
  'nothing is paused without a mark': { marks: [], expected: 'running' },
  '"true" pauses until it is removed': { marks: [mark({ paused: 'true' })], expected: 'all' },
  '"false" does not pause': { marks: [mark({ paused: 'false' })], expected: 'running' },
  'a time to come pauses until then': {
    marks: [mark({ paused: '2026-01-02T03:04:06Z' })],
    expected: 'all',
    untilMs: nowMs + 1000,
  },
  'a time that is now does not pause': { marks: [mark({ paused: '2026-01-02T03:04:05Z' })], expected: 'running' },
  'a time with an offset is read as such': {
    marks: [mark({ paused: '2026-01-02T04:04:06+01:00' })],
    expected: 'all',
    untilMs: nowMs + 1000,
  },
  'any other value pauses, with a warning': { marks: [mark({ paused: 'yes' })], expected: 'all', warnings: 1 },
  'an empty value pauses, with a warning': { marks: [mark({ paused: '' })], expected: 'all', warnings: 1 },
  'a date without a time pauses, with a warning': {
    marks: [mark({ paused: '2026-01-01' })],
    expected: 'all',
    warnings: 1,
  },
  'a day that the month has not pauses until it is removed, with a warning': {
    marks: [mark({ paused: '2026-02-30T00:00:00Z' })],
    expected: 'all',
    warnings: 1,
  },
  'the mode "releases" lets everything but releases go on': {
    marks: [mark({ paused: 'true', mode: 'releases' })],
    expected: 'releases',
  },
  'a mode that we do not know counts as all, with a warning': {
    marks: [mark({ paused: 'true', mode: 'release' })],
    expected: 'all',
    warnings: 1,
  },
  'of two levels the stricter mode counts': {
    marks: [mark({ paused: 'true', mode: 'releases' }), mark({ on: 'Namespace team', paused: 'true' })],
    expected: 'all',
  },
  'of two levels the one without an end counts': {
    marks: [mark({ paused: '2026-01-02T03:04:06Z' }), mark({ on: 'Namespace team', paused: 'true' })],
    expected: 'all',
  },
  'of two times the later counts': {
    marks: [mark({ paused: '2026-01-02T03:04:06Z' }), mark({ paused: '2026-01-02T03:04:07Z' })],
    expected: 'all',
    untilMs: nowMs + 2000,
  },
  'a level that is over does not count': {
    marks: [mark({ paused: '2026-01-02T03:04:04Z' }), mark({ paused: 'true', mode: 'releases' })],
    expected: 'releases',
  },
  'one paused object holds back releases alone': {
    marks: [mark({ on: 'Deployment web', object: 'Deployment/web', paused: 'true' })],
    expected: 'releases',
  },
  'a mode that we do not know is told on an object, too': {
    marks: [mark({ on: 'Deployment web', object: 'Deployment/web', paused: 'true', mode: 'none' })],
    expected: 'releases',
    warnings: 1,
  },
  'a day that no calendar has pauses, with a warning': {
    marks: [mark({ paused: '2026-02-30T00:00:00Z' })],
    expected: 'all',
    warnings: 1,
  },
  'what is nearly "false" pauses, with a warning': {
    marks: [mark({ paused: 'False' })],
    expected: 'all',
    warnings: 1,
  },
  'a mode alone does not pause, whatever it is': {
    marks: [mark({ paused: 'false', mode: 'none' })],
    expected: 'running',
  },
}

for (const [sentence, { marks, expected, untilMs, warnings = 0 }] of Object.entries(cases)) {
  t.test(sentence, async (t) => {
    const pause = readPause(marks, nowMs)

    t.equal(pause.kind === 'running' ? 'running' : pause.mode, expected)
    if (pause.kind === 'paused') {
      t.equal(pause.untilMs, untilMs)
      t.equal(pause.warnings.length, warnings)
    }
  })
}

t.test('the message says where, who, why and until when', async (t) => {
  const pause = readPause([mark({ paused: '2026-01-02T04:00:00Z', by: 'ada', reason: 'load test' })], nowMs)

  t.match(pause, { message: 'the Delivery is paused by ada until 2026-01-02T04:00:00Z: load test' })
})

t.test('the message says where releases alone are held', async (t) => {
  const pause = readPause([mark({ paused: 'true', mode: 'releases', by: 'ada' })], nowMs)

  t.match(pause, { message: 'the Delivery is paused for releases by ada' })
})

t.test('an annotation that says nothing adds nothing to the message', async (t) => {
  const pause = readPause([mark({ paused: 'true', by: '', reason: ' ' })], nowMs)

  t.match(pause, { message: /^the Delivery is paused$/ })
})

t.test('the objects that are not written are named, and no others', async (t) => {
  const on = (name: string, mode?: string) =>
    mark({ on: `Deployment ${name}`, object: `Deployment/${name}`, paused: 'true', ...(mode && { mode }) })
  const marks = [on('web'), on('all', 'all'), on('odd', 'odd'), on('written', 'releases')]

  t.match(readPause(marks, nowMs), { objects: ['Deployment/web', 'Deployment/all', 'Deployment/odd'] })
})

t.test('a text of any length leaves a message that a person can read', async (t) => {
  const pause = readPause([mark({ paused: 'x'.repeat(100_000), reason: 'y'.repeat(100_000) })], nowMs)

  t.ok(pause.kind === 'paused' && pause.message.length < 500 && pause.warnings.join('').length < 500)
})

t.test('the next change is the earliest time to come', async (t) => {
  const marks = ['2026-01-02T03:04:04Z', '2026-01-02T03:04:09Z', '2026-01-02T03:04:07Z', 'true'].map((paused) =>
    mark({ paused }),
  )

  t.equal(nextPauseChange(marks, nowMs), nowMs + 2000)
  t.equal(nextPauseChange([mark({ paused: 'true' })], nowMs), undefined)
})

t.test('a mark is read from the annotations of an object', async (t) => {
  const annotations = {
    [operatorAnnotations.paused]: 'true',
    [operatorAnnotations.pauseMode]: 'releases',
    [operatorAnnotations.pauseReason]: 'migration',
    [operatorAnnotations.pausedBy]: 'ada',
  }

  t.same(pauseMark('the Delivery', annotations), {
    on: 'the Delivery',
    paused: 'true',
    mode: 'releases',
    reason: 'migration',
    by: 'ada',
  })
  t.equal(pauseMark('the Delivery', { other: 'true' }), undefined)
  t.equal(pauseMark('the Delivery'), undefined)
})

function mark(fields: Partial<PauseMark> & Pick<PauseMark, 'paused'>): PauseMark {
  return { on: 'the Delivery', ...fields }
}
