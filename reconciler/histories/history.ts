import { operatorAnnotations, ownerAnnotation, deliveryLabel } from '../src/api/annotations.ts'
import type { DeliverySpec } from '../src/api/delivery.ts'
import { formatTime } from '../src/api/time.ts'
import { spec } from '../src/core/test-builders.ts'
import { FakeClock } from '../src/runtime/fake-clock.ts'
import { Cluster, namespace, ownNamespace } from './cluster.ts'
import type { Happening, Hand, Place } from './happening.ts'
import type { Occurrence } from './occurrence.ts'
import { forbidsWrites } from './operator-pause.ts'
import { Program } from './program.ts'
import { path, repositoryName, Repository, type Image } from './repository.ts'
import type { Surroundings } from './surroundings.ts'
import { WorkloadController } from './workload-controller.ts'

const startMs = Date.UTC(2026, 0, 2, 3, 4, 5)
/** Many times more than any history makes that comes to rest. */
const mostOccurrences = 5_000
const paths = ['deliveries', 'namespaces', 'deployments', 'configmaps']

/** One cluster, one registry, and the processes that lead one after the other; plays what happens to them. */
export class History {
  readonly clock = new FakeClock(startMs)
  readonly cluster = new Cluster(this.clock)
  readonly repository = new Repository(() => startMs + this.clock.monotonicMs())
  readonly workloads = new WorkloadController(this.cluster, this.repository, this.clock)
  readonly #surroundings: Surroundings
  readonly #spec: DeliverySpec
  readonly #onWire: Array<() => void> = []
  readonly #tell: (occurrence: Occurrence) => void
  #leader: Program
  #epoch = 0
  #requests = 0
  #aheadMs = 0
  #occurrences = 0
  #mostAheadMs = 0

  constructor(fields: Partial<DeliverySpec>, tell: (occurrence: Occurrence) => void) {
    this.#spec = spec({ image: { repository: repositoryName, tags: '^r[0-9]+$' }, ...fields })
    this.#tell = tell
    this.#surroundings = {
      clock: this.clock,
      cluster: this.cluster,
      repository: this.repository,
      workloads: this.workloads,
      tell: (occurrence) => {
        this.look()
        tell(occurrence)
        this.#occurrences += 1
        if (this.#occurrences === mostOccurrences) {
          tell({ kind: 'bug', error: 'it goes round and round' })
          this.#leader.kill()
        }
      },
    }
    this.cluster.createDelivery(this.#spec)
    this.#leader = this.#begin()
  }

  get leader(): Program {
    return this.#leader
  }

  /** What happens, and all that follows from it at once. */
  async play(happening: Happening): Promise<void> {
    await this.#do(happening)
    this.look()
    await this.clock.advance(0)
  }

  /** A poll, and all that follows at once. */
  async poll(): Promise<void> {
    this.#leader.poll()
    await this.clock.advance(0)
  }

  /** Whatever is late comes now; what the operator asked for stays. */
  async recover(): Promise<void> {
    this.repository.faults.clear()
    this.workloads.isPullBroken = false
    this.workloads.react()
    for (const land of this.#onWire.splice(0)) land()
    this.#leader.wire.forgetMishap()
    // No time that was written lies far ahead of the clock.
    const backMs = this.#mostAheadMs - this.#aheadMs
    this.#stepClock(backMs)
    for (const path of this.#leader.feed.paths()) this.#leader.feed.relist(path)
    await this.poll()
    // Timers do not know that the clock was set.
    await this.clock.advance(backMs)
  }

  /** Another process leads from now on, with nothing in memory. */
  succeed(): void {
    this.#leader.depose()
    this.#leader = this.#begin()
  }

  end(): void {
    this.#leader.kill()
  }

  look(): void {
    const { delivery, namespaces } = this.cluster
    const isPaused = forbidsWrites({ delivery, namespaces: [...namespaces.values()] }, this.clock.nowMs())
    this.#tell({ kind: 'looked', isPaused })
  }

  #begin(): Program {
    this.#epoch += 1
    const program: Program = new Program(this.#epoch, this.#surroundings, {
      killed: () => {
        program.kill()
        if (this.#leader === program) this.#leader = this.#begin()
      },
      held: (land) => {
        this.#onWire.push(land)
        program.depose()
        this.#leader = this.#begin()
      },
      paused: () => this.#annotate('delivery', { [operatorAnnotations.paused]: 'true' }),
    })
    program.start().catch((error: unknown) => {
      if (!program.isEnded) this.#tell({ kind: 'bug', error })
    })
    return program
  }

  async #do(happening: Happening): Promise<void> {
    const { repository, workloads, cluster, clock } = this
    switch (happening.kind) {
      case 'push':
        repository.push(happening)
        return
      case 'attach':
        this.#with(happening.push, (image) => repository.attach(image))
        return
      case 'move':
        this.#with(happening.push, (image) => repository.move(image, 'good'))
        return
      case 'deleteTag':
        this.#with(happening.push, ({ tag }) => repository.tags.delete(tag))
        return
      case 'registryFault':
        repository.faults.set(happening.fault, happening.times)
        return
      case 'turn':
        this.#with(happening.push, ({ digest }) => repository.turn(digest, happening.nature))
        workloads.react()
        return
      case 'pulls':
        workloads.isPullBroken = happening.isBroken
        workloads.react()
        return
      case 'evict':
        workloads.evict()
        return
      case 'pause': {
        const { on, value, mode } = happening
        const paused = typeof value === 'string' ? value : formatTime(clock.nowMs() + value * 1_000)
        this.#annotate(on, { [operatorAnnotations.paused]: paused, [operatorAnnotations.pauseMode]: mode })
        return
      }
      case 'resume':
        this.#annotate(happening.on, {
          [operatorAnnotations.paused]: undefined,
          [operatorAnnotations.pauseMode]: undefined,
        })
        return
      case 'pin': {
        const image = happening.push === undefined ? undefined : this.#find(happening.push)
        const pin = happening.isDigest ? image?.digest : image?.tag
        cluster.annotateDelivery({ [operatorAnnotations.pin]: pin })
        return
      }
      case 'retry':
        this.#with(happening.push, ({ tag, digest }) => {
          const retry = `${happening.isDigest ? digest : tag}/${this.#next()}`
          cluster.annotateDelivery({ [operatorAnnotations.retry]: retry })
        })
        return
      case 'ask':
        cluster.annotateDelivery({ [operatorAnnotations.reconcileRequestedAt]: String(this.#next()) })
        return
      case 'deleteDelivery':
        cluster.deleteDelivery()
        return
      case 'createDelivery':
        if (cluster.delivery === undefined) this.#tell({ kind: 'statusLost' })
        cluster.createDelivery(this.#spec)
        return
      case 'loseStatus':
        this.#tell({ kind: 'statusLost' })
        cluster.loseStatus()
        return
      case 'spec':
        cluster.editSpec(happening.spec)
        return
      case 'hand':
        this.#hand(happening.hand, happening.object)
        return
      case 'mishap':
        this.#leader.wire.plan(happening.mishap)
        return
      case 'land':
        this.#onWire.shift()?.()
        return
      case 'depose':
        this.succeed()
        return
      case 'poll':
        this.#leader.poll()
        return
      case 'watch':
        this.#watch(happening)
        return
      case 'wait':
        await clock.advance(happening.ms)
        return
      case 'stepClock':
        this.#stepClock(happening.ms)
    }
  }

  #stepClock(ms: number): void {
    this.clock.stepWall(ms)
    this.#aheadMs += ms
    this.#mostAheadMs = Math.max(this.#mostAheadMs, this.#aheadMs)
  }

  #annotate(on: Place, annotations: Readonly<Record<string, string | undefined>>): void {
    if (on === 'delivery') this.cluster.annotateDelivery(annotations)
    else if (on === 'namespace') this.cluster.annotateNamespace(namespace, annotations)
    else if (on === 'everything') this.cluster.annotateNamespace(ownNamespace, annotations)
    else this.cluster.edit('ConfigMap/settings', 'kubectl-annotate', annotationLeaves(annotations))
  }

  #hand(hand: Hand, object: string): void {
    const { cluster } = this
    const [kind = '', name = ''] = object.split('/')
    const isWorkload = kind === 'Deployment'
    const image = 'f:spec\nf:template\nf:spec\nf:containers\nk:{"name":"web"}\nf:image'
    const field = isWorkload ? image : 'f:data\nf:bundle'
    const value = `by hand ${this.#next()}`
    const edits = {
      change: new Map<string, unknown>([[field, isWorkload ? `${path}:hand` : value]]),
      remove: new Map<string, unknown>([[isWorkload ? 'f:metadata\nf:labels\nf:none' : field, undefined]]),
      scale: new Map<string, unknown>([[isWorkload ? 'f:spec\nf:replicas' : field, isWorkload ? 3 : value]]),
      addOwn: new Map<string, unknown>([['f:metadata\nf:annotations\nf:own', value]]),
      unlabel: new Map<string, unknown>([[`f:metadata\nf:labels\nf:${deliveryLabel}`, undefined]]),
      unmark: new Map<string, unknown>([[`f:metadata\nf:annotations\nf:${ownerAnnotation}`, undefined]]),
      takeByApply: new Map<string, unknown>([[field, value]]),
    }
    if (hand === 'delete') cluster.remove(object)
    else if (hand === 'squat') cluster.squat({ apiVersion: isWorkload ? 'apps/v1' : 'v1', kind, metadata: { name } })
    else if (hand === 'takeByApply') cluster.edit(object, 'argocd', edits.takeByApply, true)
    else cluster.edit(object, 'kubectl-edit', edits[hand])
  }

  #watch({ watch, path: index }: Extract<Happening, { kind: 'watch' }>): void {
    const { feed } = this.#leader
    if (watch === 'repeat') {
      feed.repeat()
      return
    }
    const path = feed.paths().find((candidate) => candidate.endsWith(`/${paths[index] ?? ''}`))
    if (path !== undefined) feed[watch](path)
  }

  /** Counted from the newest. */
  #find(push: number): Image | undefined {
    const { pushed } = this.repository
    return pushed[pushed.length - 1 - push]
  }

  #with(push: number, use: (image: Image) => void): void {
    const image = this.#find(push)
    if (image !== undefined) use(image)
  }

  #next(): number {
    this.#requests += 1
    return this.#requests
  }
}

function annotationLeaves(annotations: Readonly<Record<string, string | undefined>>): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(annotations).map(([name, value]) => [`f:metadata\nf:annotations\nf:${name}`, value]))
}
