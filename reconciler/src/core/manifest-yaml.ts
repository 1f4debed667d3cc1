import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { oneLine } from './one-line.ts'
import { expansionOf } from './yaml-expansion.ts'

/**
 * Manifests as text. YAML 1.2 is read, while kubectl reads 1.1, where `on` is a boolean and 0644 an octal number: what
 * the two read differently is refused rather than guessed, so that a file means the same to both.
 * https://yaml.org/spec/1.2.2/#ext-changes
 */
export type ParsedManifests =
  | { readonly kind: 'parsed'; readonly documents: readonly unknown[] }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] }

/** A value costs the parser about 7 µs and 1 KB; a megabyte of ordinary manifests has fewer tokens than this. */
const mostTokens = 200_000
/** Of all documents together; each costs the parser a pass over all before it. */
const mostAliases = 1_000
/** Of all documents together, once aliases are resolved: twice the text of a bundle at its largest. */
const mostLength = 8 * 1024 * 1024
/** Of one document; what goes through it calls itself at each level. */
const mostDepth = 200
const mostProblems = 20
/** The parser quotes what it could not read, which may be all of it. */
const longestProblem = 300
const intTag = 'tag:yaml.org,2002:int'

interface KeyProblem {
  readonly offset: number | undefined
  readonly problem: string
}

export function parseManifests(text: string): ParsedManifests {
  try {
    return parse(text)
  } catch (error) {
    // The parser tells by a problem that its stack is used up; what walks through its tree may need more of it.
    if (error instanceof RangeError) return invalid([`more levels than can be followed; ${mostDepth} are taken`])
    throw error
  }
}

function parse(text: string): ParsedManifests {
  if (hasTooManyTokens(text)) return invalid([`more than ${mostTokens} YAML tokens`])
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    merge: true,
    // The parser compares each key with all before it, half a minute for a bundle of 100 KB; keyProblems takes one pass.
    uniqueKeys: false,
    resolveKnownTags: false,
    prettyErrors: false,
  })
  if ('empty' in documents) return { kind: 'parsed', documents: [] }

  const problems = documents.flatMap((document) => documentProblems(document, lines))
  if (problems.length > 0) return invalid(problems)
  const tooLarge = expansionProblem(documents)
  return tooLarge === undefined ? toValues(documents) : invalid([tooLarge])
}

/** Counted before any of it is built; the parser's own bound is one of each anchor alone. */
function expansionProblem(documents: readonly Document.Parsed[]): string | undefined {
  let aliases = 0
  let length = 0
  for (const [index, document] of documents.entries()) {
    const expansion = expansionOf(document)
    aliases += expansion.aliases
    length += expansion.length
    const place = `document ${index + 1}`
    if (aliases > mostAliases) return `${place}: with it there are more than ${mostAliases} aliases`
    if (length > mostLength) {
      return `${place}: with its aliases and merge keys written out there would be more than ${mostLength} characters`
    }
    if (expansion.depth > mostDepth) return `${place}: more than ${mostDepth} levels deep, aliases written out`
  }
  return undefined
}

function toValues(documents: readonly Document.Parsed[]): ParsedManifests {
  try {
    const values = documents.map((document) => document.toJS({ maxAliasCount: -1 }) as unknown)
    // A document of comments alone is nothing.
    return { kind: 'parsed', documents: values.filter((value) => value !== null) }
  } catch (error) {
    return invalid([error instanceof Error ? error.message : String(error)])
  }
}

function documentProblems(document: Document.Parsed, lines: LineCounter): string[] {
  const found = [...document.errors, ...document.warnings].map(({ message, pos }) => at(lines, pos[0], message))
  if (document.directives.yaml.explicit === true) found.push('a %YAML directive would change how values are read')
  visit(document, {
    Scalar(_, scalar) {
      const problem = scalarProblem(scalar)
      if (problem !== undefined) found.push(at(lines, scalar.range?.[0], problem))
    },
    Map(_, map) {
      for (const { offset, problem } of keyProblems(map)) found.push(at(lines, offset, problem))
    },
  })
  return found
}

function scalarProblem({ type, source = '', value, tag }: Scalar): string | undefined {
  const shown = JSON.stringify(source.slice(0, 64))
  if (type !== 'PLAIN') {
    return tag === intTag ? `${shown} is quoted and tagged as a number: write it plain` : undefined
  }
  if (/^(?:y|yes|n|no|on|off)$/i.test(source))
    return `plain ${shown} is a boolean to kubectl: quote it, or write true or false`
  if (/^[-+]?0[0-9]+$/.test(source))
    return `plain ${shown} is an octal number to kubectl: write it in decimal, or quote it`
  if (isReadOtherwise(source)) {
    return `plain ${shown} is not read alike everywhere: write it in decimal, or quote it`
  }
  if (source.includes('_') && /^[-+0-9]/.test(source) && isDecimal(source.replaceAll('_', ''))) {
    return `plain ${shown} is a number to kubectl: write it without underscores, or quote it`
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return `plain ${shown} can't be sent as JSON: quote it`
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return `plain ${shown} is too large to be kept exactly: quote it`
  }
  return undefined
}

/** Go takes capitals, signs and underscores where YAML 1.2 takes a text: https://pkg.go.dev/strconv#ParseInt, base 0. */
function isReadOtherwise(source: string): boolean {
  if (/^[-+]?0(?:o[0-7_]+|b[01_]+)$/i.test(source)) return true
  return /^[-+]?0x[0-9a-f_]+$/i.test(source) && !/^0x[0-9a-fA-F]+$/.test(source)
}

function isDecimal(text: string): boolean {
  return /^[-+]?[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?$/i.test(text)
}

/** Keys are texts in JSON, so 1 and "1" are the same key there. */
function keyProblems(map: YAMLMap): KeyProblem[] {
  const seen = new Set<string>()
  const problems: KeyProblem[] = []
  for (const { key } of map.items) {
    if (!isScalar(key)) {
      const problem = noKey(key)
      if (problem !== undefined) problems.push(problem)
      continue
    }
    if (key.value === null) problems.push({ offset: key.range?.[0], problem: 'null is no key: quote it' })
    // With merge keys read, the parser gives a symbol for one.
    const isMerge = typeof key.value === 'symbol'
    const name = isMerge ? '<<' : String(key.value)
    const problem = isMerge
      ? 'several merge keys stand in one mapping: write one, with a list: <<: [*a, *b]'
      : `key ${JSON.stringify(name.slice(0, 64))} stands twice`
    if (seen.has(name)) problems.push({ offset: key.range?.[0], problem })
    seen.add(name)
  }
  return problems
}

/** The parser would make a text of what it is written as, where kubectl refuses it or reads what it stands for. */
function noKey(key: unknown): KeyProblem | undefined {
  if (isMap(key)) return { offset: key.range?.[0], problem: 'a mapping is no key' }
  if (isSeq(key)) return { offset: key.range?.[0], problem: 'a list is no key' }
  if (isAlias(key)) return { offset: key.range?.[0], problem: 'an alias is no key: write the text itself' }
  return undefined
}

function hasTooManyTokens(text: string): boolean {
  let tokens = 0
  for (const _ of new Lexer().lex(text)) {
    tokens += 1
    if (tokens > mostTokens) return true
  }
  return false
}

function at(lines: LineCounter, offset: number | undefined, problem: string): string {
  return offset === undefined ? problem : `line ${lines.linePos(offset).line}: ${problem}`
}

function invalid(problems: readonly string[]): ParsedManifests {
  const shown = problems.slice(0, mostProblems).map((problem) => oneLine(problem, longestProblem))
  const more = problems.length - shown.length
  return { kind: 'invalid', problems: [...shown, ...(more > 0 ? [`and ${more} more`] : [])] }
}
