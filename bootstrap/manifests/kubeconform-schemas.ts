import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** As the API server answers `/openapi/v3/…`: https://spec.openapis.org/oas/v3.0.3 */
export interface OpenApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> }
}

type Schema = Readonly<Record<string, unknown>> & {
  readonly 'x-kubernetes-group-version-kind'?: ReadonlyArray<{
    readonly group: string
    readonly version: string
    readonly kind: string
  }>
}

/** What kubeconform is told as `--schema-location`, given the folder. */
export function schemaLocation(folder: string): string {
  return join(folder, '{{ .Group }}', '{{ .ResourceKind }}-{{ .ResourceAPIVersion }}.json')
}

/**
 * Writes a JSON schema for each kind that the documents describe: what this very API server takes, its
 * CustomResourceDefinitions included, and closed, so that no field passes that it does not know.
 */
export async function writeSchemas(folder: string, documents: readonly OpenApiDocument[]): Promise<number> {
  let count = 0
  for (const { components } of documents) {
    const schemas = components?.schemas ?? {}
    const closed = JSON.parse(
      JSON.stringify(closeOpenObjects(schemas)).replaceAll('#/components/schemas/', '#/definitions/'),
    ) as Readonly<Record<string, unknown>>
    for (const [name, schema] of Object.entries(schemas)) {
      for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
        // kubeconform takes the version for the group where there is none.
        const place = join(folder, group === '' ? version : group)
        await mkdir(place, { recursive: true })
        const file = { $ref: `#/definitions/${name}`, definitions: closed }
        await writeFile(join(place, `${kind.toLowerCase()}-${version}.json`), JSON.stringify(file))
        count += 1
      }
    }
  }
  return count
}

function closeOpenObjects(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closeOpenObjects)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, junctors.has(key) ? value : closeOpenObjects(value)]),
  )
  const isOpen = !('properties' in inner) || 'additionalProperties' in inner || isFree(inner)
  // A property that is itself called properties is no keyword of a schema: its value is no map of schemas with types.
  return isOpen || typeof inner['properties'] !== 'object' ? inner : { ...inner, additionalProperties: false }
}

/** What stands in these bounds fields that are described elsewhere: closed, it would refuse all others of them. */
const junctors = new Set(['allOf', 'anyOf', 'oneOf', 'not'])

function isFree(schema: Readonly<Record<string, unknown>>): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true
}
