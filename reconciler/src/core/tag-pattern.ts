import { RE2JS } from 're2js'
import { BoundedMap } from './bounded-map.ts'

/**
 * `spec.image.tags`: which tags count as releases. RE2 matches in linear time, so that neither a pattern from a tenant
 * nor a tag from a registry can hold up the process. Syntax: https://github.com/google/re2/wiki/Syntax
 */
export type TagPattern =
  | { readonly kind: 'pattern'; readonly matches: (tag: string) => boolean }
  | { readonly kind: 'invalid'; readonly problem: string }

export function compileTagPattern(pattern: string): TagPattern {
  try {
    const compiled = RE2JS.compile(pattern)
    return { kind: 'pattern', matches: (tag) => compiled.matches(tag) }
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    return { kind: 'invalid', problem: `"${pattern}" is not an RE2 expression: ${problem}` }
  }
}

/** Each may hold a megabyte; of all Deliveries few have a pattern of their own. */
const mostRemembered = 64

/** Compiles each text once for as long as it is in use: the largest that the schema lets through takes a tenth of a second. */
export function createTagPatterns(): (pattern: string) => TagPattern {
  const remembered = new BoundedMap<string, TagPattern>(mostRemembered)
  return (pattern) => {
    const known = remembered.get(pattern)
    if (known !== undefined) return known
    const compiled = compileTagPattern(pattern)
    remembered.set(pattern, compiled)
    return compiled
  }
}
