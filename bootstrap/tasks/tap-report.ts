import { Parser, type FinalResults } from 'tap-parser'

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  /** Full names of tests that asserted nothing, or were skipped: both are failures here. */
  readonly empty: readonly string[]
}

interface TestPoint {
  readonly ok: boolean
  readonly name: string
  readonly skip?: string | boolean
  readonly todo?: string | boolean
}

/**
 * Reads a TAP stream (https://testanything.org/tap-version-14-specification.html) as tap writes it to a file, and counts
 * what tap itself lets pass: a test without an assertion, a skipped and an unfinished one.
 */
export function readTap(text: string): TestCounts {
  const empty: string[] = []
  let failed = 0
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
      else if (!closesSubtest) failed += 1
      closesSubtest = false
    })
    parser.on('complete', (results: FinalResults) => {
      if (results.count === 0) empty.push([...path, 'no assertion'].join(' > '))
    })
  }

  const parser = new Parser({})
  follow(parser, [])
  parser.end(text)
  if (!parser.ok && failed === 0) failed = 1
  return { passed, failed, empty }
}
