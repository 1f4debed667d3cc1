import { inspect } from 'node:util'
import { Parser, type FinalResults } from 'tap-parser'

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  /** What failed: its full name, and what tap says of it. */
  readonly failures: readonly string[]
  /** Full names of tests that asserted nothing, or were skipped: both are failures here. */
  readonly empty: readonly string[]
  /** What tests say to whoever looks at the run: comments that begin with `told:`. */
  readonly told: readonly string[]
}

/** A test file that has ended, with what failed in it. */
export interface FinishedFile {
  readonly name: string
  readonly ok: boolean
  readonly failures: readonly string[]
  /** How long it took; unknown where it was killed. */
  readonly seconds?: number
}

export interface TapReader {
  write(text: string): void
  /** What is known by now, as of a run that was interrupted. */
  soFar(): TestCounts
  /** What is known of a run that has ended. */
  end(): TestCounts
}

interface TestPoint {
  readonly ok: boolean
  readonly name: string
  readonly skip?: string | boolean
  readonly todo?: string | boolean
  readonly diag?: unknown
  /** In milliseconds. */
  readonly time?: number | null
}

export function readTap(text: string): TestCounts {
  const reader = createTapReader()
  reader.write(text)
  return reader.end()
}

/**
 * Reads a TAP stream (https://testanything.org/tap-version-14-specification.html) as tap writes it to a file, and counts
 * what tap itself lets pass: a test without an assertion, a skipped and an unfinished one. Each file is told as it ends.
 */
export function createTapReader(onFile: (file: FinishedFile) => void = () => undefined): TapReader {
  const empty: string[] = []
  const failures: string[] = []
  const told: string[] = []
  let passed = 0
  let reported = 0
  /** Of the file that is read: see test-process.mjs. */
  let uncaught: string[] = []

  function follow(parser: Parser, path: readonly string[]): void {
    // The line that closes a subtest repeats its verdict; its assertions were counted already.
    let closesSubtest = false
    parser.on('child', (child: Parser) => {
      closesSubtest = true
      follow(child, [...path, child.name])
    })
    parser.on('assert', (result: TestPoint) => {
      const name = nameOf(result)
      if (result.skip || result.todo) empty.push([...path, name, 'skipped or unfinished'].join(' > '))
      else if (!closesSubtest && result.ok) passed += 1
      else if (!closesSubtest) failures.push(describeFailure([...path, name], result.diag))
      closesSubtest = false
      if (path.length > 0) return
      const { ok, time } = result
      // What ends a file outside of its tests is an assertion of none.
      if (!ok && !result.todo && failures.length === reported) failures.push([name, ...uncaught].join('\n'))
      uncaught = []
      const took = typeof time === 'number' ? { seconds: Math.round(time / 1000) } : {}
      onFile({ name, ok, failures: failures.slice(reported), ...took })
      reported = failures.length
    })
    parser.on('comment', (comment: string) => {
      const [, kind, text = ''] = /^\s*# (told|uncaught): (.*)/.exec(comment) ?? []
      if (kind === 'told') told.push(text)
      if (kind === 'uncaught') uncaught.push(text)
    })
    parser.on('complete', (results: FinalResults) => {
      if (results.count === 0) empty.push([...path, 'no assertion'].join(' > '))
    })
  }

  const parser = new Parser({})
  follow(parser, [])
  const soFar = (): TestCounts => ({
    passed,
    failed: failures.length,
    failures: [...failures],
    empty: [...empty],
    told: [...told],
  })
  return {
    write: (text) => void parser.write(text),
    soFar,
    end() {
      parser.end()
      if (!parser.ok && failures.length === 0) failures.push('the run ended before its tests did')
      return soFar()
    },
  }
}

/** A file that is killed for its time after its last line has no name of its own; tap says in passing whose time it was. */
function nameOf({ name, diag }: TestPoint): string {
  const isUnnamed = name === 'timeout!' && typeof diag === 'object' && diag !== null && 'expired' in diag
  // Of a test's own time it says `TAP`, and its path names the file already.
  return isUnnamed && typeof diag.expired === 'string' && diag.expired !== 'TAP' ? `${diag.expired} > ${name}` : name
}

const mostDiagnosis = 4_000

function describeFailure(path: readonly string[], diag: unknown): string {
  const name = path.join(' > ')
  if (diag === undefined || diag === null) return name
  const text = inspect(diag, { depth: 6, breakLength: 120 })
  return `${name}\n${text.length > mostDiagnosis ? `${text.slice(0, mostDiagnosis)} …` : text}`
}
