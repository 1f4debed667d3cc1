import { RE2JS } from 're2js'

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
