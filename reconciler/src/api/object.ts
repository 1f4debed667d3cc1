/** Kubernetes objects as the API server sends them; only what every room needs to know of them is typed. */

export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid?: string
    readonly resourceVersion?: string
    readonly generation?: number
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly deletionTimestamp?: string
    readonly ownerReferences?: ReadonlyArray<{
      readonly kind: string
      readonly name: string
      readonly uid: string
      readonly controller?: boolean
    }>
    readonly managedFields?: ReadonlyArray<ManagedFieldsEntry>
    readonly [field: string]: unknown
  }
  readonly [field: string]: unknown
}

export interface ManagedFieldsEntry {
  readonly manager?: string
  readonly operation?: string
  readonly apiVersion?: string
  readonly subresource?: string
  readonly time?: string
  readonly fieldsV1?: Readonly<Record<string, unknown>>
}

export interface ObjectReference {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
}
