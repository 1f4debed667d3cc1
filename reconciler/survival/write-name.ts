import type { Asked } from './http-proxy.ts'

/** One request that changes something, by words that are the same in every run. */
export interface Write {
  /** The verb and what it is about, as `PATCH v1/namespaces/TENANT/configmaps/settings`. */
  readonly kind: string
  /** The kind, what it says where that tells it from others of its kind, and how many of these there were so far. */
  readonly name: string
}

/** `places`: the names of namespaces that differ from run to run, and what stands in their place. */
export class WriteNamer {
  readonly #places: Readonly<Record<string, string>>
  readonly #counts = new Map<string, number>()

  constructor(places: Readonly<Record<string, string>>) {
    this.#places = places
  }

  name(asked: Asked): Write {
    const kind = `${asked.method} ${this.#placeOf(asked.path)}`
    const said = `${kind}${wordsOf(asked)}`
    const count = (this.#counts.get(said) ?? 0) + 1
    this.#counts.set(said, count)
    return { kind, name: `${said} #${count}` }
  }

  #placeOf(path: string): string {
    return Object.entries(this.#places)
      .reduce((place, [name, meaning]) => place.replaceAll(name, meaning), path)
      .replace(/^\/apis?\//, '')
      .replace(/(?<=\/controllerrevisions\/).*/, 'COPY') // named after what it holds
      .replace(/(?<=\/events\/).*/, 'EVENT') // named at random
  }
}

/** What a write has in common with every other of the same step. */
export function withoutCount(name: string): string {
  return name.replace(/ #\d+$/, '')
}

/** Steps are told apart by what they say of themselves, so that one more of one step does not rename all the others. */
function wordsOf({ path, body }: Asked): string {
  if (path.endsWith('/deliveries/web/status')) {
    const status = (JSON.parse(body) as readonly StatusPatch[]).find((change) => change.path === '/status')?.value
    const reason = status?.conditions?.find(({ type }) => type === 'Ready')?.reason
    return ` (${[status?.rollout?.purpose, status?.rollout?.phase, reason].filter((word) => word !== undefined).join(' ')})`
  }
  if (!path.includes('/events.k8s.io/')) return ''
  const { type, reason, series } = JSON.parse(body) as EventBody
  return reason === undefined ? ` (series of ${series?.count})` : ` (${type} ${reason})`
}

interface StatusPatch {
  readonly path: string
  readonly value?: {
    readonly conditions?: ReadonlyArray<{ readonly type: string; readonly reason: string }>
    readonly rollout?: { readonly phase: string; readonly purpose?: string }
  }
}

interface EventBody {
  readonly type?: string
  readonly reason?: string
  readonly series?: { readonly count: number }
}
