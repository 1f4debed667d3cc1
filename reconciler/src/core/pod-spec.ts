type Fields = Readonly<Record<string, unknown>>

/** Where each kind that a release may hold keeps the spec of its pods. */
export const podSpecPaths: ReadonlyMap<string, readonly string[]> = new Map([
  ['DaemonSet', ['spec', 'template', 'spec']],
  ['StatefulSet', ['spec', 'template', 'spec']],
  ['Deployment', ['spec', 'template', 'spec']],
  ['CronJob', ['spec', 'jobTemplate', 'spec', 'template', 'spec']],
])

/** Undefined where the kind makes no pods, or the path leads nowhere. */
export function findPodSpec(kind: string, document: Fields): Fields | undefined {
  const path = podSpecPaths.get(kind)
  if (path === undefined) return undefined
  return path.reduce<Fields | undefined>((at, field) => {
    const next = at?.[field]
    return isFields(next) ? next : undefined
  }, document)
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
