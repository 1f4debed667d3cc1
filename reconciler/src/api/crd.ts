import { DeliverySpecSchema, DeliveryStatusSchema, group, kind, plural, version } from './delivery.ts'

/** A JSON Schema as the API server takes it: structural, without what it does not know. */
type StructuralSchema = Readonly<Record<string, unknown>>

/** The Delivery's CustomResourceDefinition, made from the schema of its types. */
export function deliveryCrd(): Readonly<Record<string, unknown>> {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { 'app.kubernetes.io/part-of': 'windlass' } },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular: 'delivery', shortNames: ['dlv'], categories: ['all'] },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            column('Running', '.status.summary.running', 'The release that runs.'),
            column('State', '.status.summary.state', 'How it stands, as a reason of docs/operations.md.'),
            { ...column('Age', '.metadata.creationTimestamp', 'Since when there is a Delivery.'), type: 'date' },
            column('Pending', '.status.summary.pending', 'The release that comes next.'),
            column('Held', '.status.summary.held', 'Why the next release does not run yet.'),
          ],
          schema: {
            openAPIV3Schema: {
              description: 'Delivers the releases of one image repository into its own namespace.',
              type: 'object',
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: toStructural(DeliverySpecSchema),
                status: toStructural(DeliveryStatusSchema),
              },
              'x-kubernetes-validations': [
                {
                  rule: 'self.metadata.name.size() <= 63',
                  message: 'the name is the value of a label on every object that is delivered: 63 characters at most',
                },
              ],
            },
          },
        },
      ],
    },
  }
}

function column(name: string, jsonPath: string, description: string): Readonly<Record<string, string>> {
  return { name, type: 'string', jsonPath, description }
}

/**
 * The API server prunes unknown fields by itself and refuses `additionalProperties: false`; a literal, or
 * a choice of them, is an enum to it; and a field with a default is not required of whoever writes the object.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 */
function toStructural(schema: unknown): StructuralSchema {
  if (!isFields(schema)) throw new TypeError('a schema is an object')
  const { additionalProperties: _, anyOf, const: only, properties, required, items, ...rest } = schema
  if (Array.isArray(anyOf)) return { ...rest, type: 'string', enum: anyOf.map(literalOf) }
  if (only !== undefined) return { ...rest, type: 'string', enum: [literalOf(schema)] }

  const fields = isFields(properties) ? properties : {}
  const mustHave = Array.isArray(required) ? required.filter((name: string) => !hasDefault(fields[name])) : []
  return {
    ...rest,
    ...(isFields(properties) && {
      properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, toStructural(field)])),
    }),
    ...(mustHave.length > 0 && { required: mustHave }),
    ...(items !== undefined && { items: toStructural(items) }),
  }
}

function literalOf(schema: unknown): string {
  const value = isFields(schema) ? schema['const'] : undefined
  if (typeof value !== 'string') throw new TypeError('a choice in the schema must be one of texts')
  return value
}

function hasDefault(schema: unknown): boolean {
  return isFields(schema) && 'default' in schema
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
