/** As `node --cpu-prof` writes it: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
export interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
  }>
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface Share {
  readonly where: string
  /** Of the time that the processor was busy. */
  readonly percent: number
}

/** Where a program spent its time, by package, the greatest first; what is idle is left out. */
export function sharesOf({ nodes, samples, timeDeltas }: CpuProfile): readonly Share[] {
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
  const times = new Map<string, number>()
  let total = 0
  for (const [index, id] of samples.entries()) {
    const where = places.get(id)
    const time = timeDeltas[index] ?? 0
    if (where === undefined || where === 'idle') continue
    times.set(where, (times.get(where) ?? 0) + time)
    total += time
  }
  return [...times]
    .map(([where, time]) => ({ where, percent: Math.round((time / total) * 1_000) / 10 }))
    .toSorted((a, b) => b.percent - a.percent)
}

function placeOf({ functionName, url }: { readonly functionName: string; readonly url: string }): string {
  const inner = /^\((.+)\)$/.exec(functionName)?.[1]
  if (inner === 'garbage collector') return 'garbage collection'
  if (inner === 'idle') return 'idle'
  if (inner === 'program' || inner === 'root') return 'sockets and the system'
  const named = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  if (named !== undefined) return named
  if (url.startsWith('node:') || url === '') return 'node:http and what is below it'
  return url.includes('/predictor/src/') ? 'the predictor itself' : 'other'
}
