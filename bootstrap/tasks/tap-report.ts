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

interface TestPoint {
  readonly ok: boolean
  readonly name: string
  readonly skip?: string | boolean
  readonly todo?: string | boolean
  readonly diag?: unknown
}

/**
 * Reads a TAP stream (https://testanything.org/tap-version-14-specification.html) as tap writes it to a file, and counts
 * what tap itself lets pass: a test without an assertion, a skipped and an unfinished one.
 */
export function readTap(text: string): TestCounts {
  const empty: string[] = []
  const failures: string[] = []
  const told: string[] = []
  let passed = 0

  function follow(parser: Parser, path: readonly string[]): void {
    // The line that closes a subtest repeats its verdict; its assertions were counted already.
    let closesSubtest = false
    parser.on('child', (child: Parser) => {
      closesSubtest = true
      follow(child, [...path, child.name])
    })
    parser.on('assert', (result: TestPoint) => {
      if (result.skip || result.todo) empty.push([...path, result.name, 'skipped or unfinished'].join(' > '))
      else if (!closesSubtest && result.ok) passed += 1
      else if (!closesSubtest) failures.push(describeFailure([...path, result.name], result.diag))
      closesSubtest = false
    })
    parser.on('comment', (comment: string) => {
      const [, text] = /^\s*# told: (.*)/.exec(comment) ?? []
      if (text !== undefined) told.push(text)
    })
    parser.on('complete', (results: FinalResults) => {
      if (results.count === 0) empty.push([...path, 'no assertion'].join(' > '))
    })
  }

  const parser = new Parser({})
  follow(parser, [])
  parser.end(text)
  if (!parser.ok && failures.length === 0) failures.push('the run ended before its tests did')
  return { passed, failed: failures.length, failures, empty, told }
}

const mostDiagnosis = 4_000

function describeFailure(path: readonly string[], diag: unknown): string {
  const name = path.join(' > ')
  if (diag === undefined || diag === null) return name
  const text = inspect(diag, { depth: 6, breakLength: 120 })
  return `${name}\n${text.length > mostDiagnosis ? `${text.slice(0, mostDiagnosis)} …` : text}`
}
