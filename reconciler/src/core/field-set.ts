/**
 * A set of fields as managedFields writes it: `f:` field, `k:` list item by its keys, `v:` set member, `i:` index, and
 * `.` where the thing itself is in the set beside what is below it.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export type FieldSet = { readonly [step: string]: FieldSet }

export function unionOf(a: FieldSet, b: FieldSet): FieldSet {
  const steps = new Set([...Object.keys(a), ...Object.keys(b)])
  return Object.fromEntries(
    [...steps].map((step) => {
      const [inA, inB] = [a[step], b[step]]
      if (inA === undefined || inB === undefined) return [step, inA ?? inB ?? {}]
      return [step, isLeaf(inA) === isLeaf(inB) ? unionOf(inA, inB) : { '.': {}, ...inA, ...inB }]
    }),
  )
}

/** The set less one of its members and all that is below it; what is empty then goes too. */
export function withoutPath(set: FieldSet, [step, ...rest]: readonly string[]): FieldSet {
  const below = step === undefined ? undefined : set[step]
  if (step === undefined || below === undefined) return set
  const { [step]: _, ...others } = set
  if (rest.length === 0) return others
  const left = withoutPath(below, rest)
  // What had members below it was no member itself, or it has a `.` that says so.
  return isLeaf(left) && !isLeaf(below) ? others : { ...others, [step]: left }
}

export function hasPath(set: FieldSet, path: readonly string[]): boolean {
  return path.reduce<FieldSet | undefined>((at, step) => at?.[step], set) !== undefined
}

/** No step below: the thing itself, whole. */
function isLeaf(set: FieldSet): boolean {
  return Object.keys(set).length === 0
}
