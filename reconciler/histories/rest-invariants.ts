/** What must hold once everything that was late has come, nothing happens any more, and time has passed. */
import { currentEntries } from '../src/core/inventory.ts'
import type { Cluster } from './cluster.ts'
import type { History } from './history.ts'
import { imageOf } from './invariant.ts'
import { leavesOf } from './held-object.ts'
import type { Image } from './repository.ts'

export interface RestInvariant {
  readonly sentence: string
  /** Answers in words what breaks it. */
  readonly check: (history: Pick<History, 'cluster' | 'repository' | 'clock'>) => string | undefined
}

export const restInvariants: readonly RestInvariant[] = [
  {
    sentence: '7: no rollout is left undecided, but by a pause',
    check({ cluster: { delivery } }) {
      const { rollout, conditions = [] } = delivery?.status ?? {}
      const isPaused = conditions.some(({ type, status }) => type === 'Paused' && status === 'True')
      if (delivery?.metadata.deletionTimestamp !== undefined || isPaused || rollout === undefined) return undefined
      return rollout.phase === 'Failed' ? undefined : `${rollout.revision.tag} is ${rollout.phase}`
    },
  },
  {
    sentence: '7: where status says Ready, every object is as the release that runs holds it, and nothing else is left',
    check({ cluster, repository }) {
      const { delivery } = cluster
      const { current, inventory = [], rollout } = delivery?.status ?? {}
      const isReady = conditionOf(cluster, 'Ready')
      const isPaused = conditionOf(cluster, 'Paused')?.status === 'True'
      if (delivery === undefined || isPaused || isReady?.status !== 'True' || isReady.reason !== 'Ready')
        return undefined
      if (current === undefined || rollout !== undefined) return 'it says Ready, and nothing runs'
      const documents = repository.documents(current.bundleDigest ?? '')
      for (const document of documents) {
        const name = `${document.kind}/${document.metadata.name}`
        const held = cluster.objects.get(name)
        if (held === undefined) return `${name} is not there`
        const unlike = [...leavesOf(document)].find(([path, value]) => {
          const wanted = path.endsWith('f:image') ? imageOf(current) : value
          return held.leaves.get(path) !== wanted
        })
        if (unlike !== undefined) return `${name} is not as ${current.tag} holds it: ${unlike.join(' ')}`
      }
      const names = documents.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort()
      const known = currentEntries(inventory).map(({ kind, name }) => `${kind}/${name}`)
      return JSON.stringify(known.sort()) === JSON.stringify(names)
        ? undefined
        : `the inventory holds ${known.join(', ')}`
    },
  },
  {
    sentence: '1: the newest release runs, or status says why it does not',
    check({ cluster, repository }) {
      const { delivery } = cluster
      const { current, highWater } = delivery?.status ?? {}
      const ready = conditionOf(cluster, 'Ready')
      if (delivery === undefined || ready?.status !== 'True') return undefined
      const isHeld = conditionOf(cluster, 'Paused')?.status === 'True'
      if (isHeld || delivery.metadata.annotations?.['windlass.dev/pin'] !== undefined) return undefined
      const above =
        highWater && repository.pushed.find((image) => isNewer(image, highWater) && isWhole(image, repository))
      return above && `${above.tag} waits beside ${current?.tag}, and status says Ready: ${ready.message}`
    },
  },
]

/** An object that the release that runs does not hold, where status says Ready. */
export function leftBehind({ cluster, repository }: Pick<History, 'cluster' | 'repository'>): string | undefined {
  const { current } = cluster.delivery?.status ?? {}
  const isPaused = conditionOf(cluster, 'Paused')?.status === 'True'
  if (isPaused || current === undefined || conditionOf(cluster, 'Ready')?.status !== 'True') return undefined
  const documents = repository.documents(current.bundleDigest ?? '')
  const held = new Set(documents.map(({ kind, metadata }) => `${kind}/${metadata.name}`))
  return [...cluster.objects.keys()].find((name) => !held.has(name))
}

function conditionOf({ delivery }: Cluster, wanted: string) {
  return delivery?.status?.conditions?.find(({ type }) => type === wanted)
}

/** As it was pushed, its tag is there still. */
function isWhole({ tag, digest }: Image, { tags }: Pick<History['repository'], 'tags'>): boolean {
  return tags.get(tag)?.digest === digest
}

function isNewer(image: Image, highWater: { sequence?: number; pushedAt: string }): boolean {
  if (image.sequence === undefined || highWater.sequence === undefined) return false
  // What was pushed before it is not looked for any more.
  return image.sequence > highWater.sequence && image.pushedAtMs > Date.parse(highWater.pushedAt)
}
