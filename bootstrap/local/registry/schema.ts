import { Type } from 'typebox'
import type { Static, TProperties, TSchema } from 'typebox'
import { Value } from 'typebox/value'

/** An object that takes no other keys than these. */
export function strictObject<Properties extends TProperties>(
  properties: Properties,
  options: { readonly default?: object } = {},
) {
  return Type.Object(properties, { ...options, additionalProperties: false })
}

/** A value as its schema has it, with defaults filled in; or all that is wrong with it, for a person. */
export function parseWith<Schema extends TSchema>(
  schema: Schema,
  input: unknown,
): { readonly value: Static<Schema> } | { readonly problems: readonly string[] } {
  const value: unknown = Value.Default(schema, structuredClone(input))
  if (Value.Check(schema, value)) return { value }
  const problems = Value.Errors(schema, value)
    // Of a key that is not known there is another error, at its object, that names it.
    .filter((error) => error.keyword !== 'boolean')
    .map((error) => {
      const unknown = 'additionalProperties' in error.params ? `: ${String(error.params.additionalProperties)}` : ''
      return `${error.instancePath.slice(1).replaceAll('/', '.') || 'the whole'} ${error.message}${unknown}`
    })
  return { problems: [...new Set(problems)] }
}
