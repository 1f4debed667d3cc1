import { isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { leaderLabel } from '../src/api/annotations.ts'
import { apiVersion } from '../src/api/delivery.ts'
import type { KubeObject } from '../src/api/object.ts'
import { endState, heldCollections, type EndState } from './end-state.ts'
import { lost, pass, startHttpProxy, type Asked, type Fate } from './http-proxy.ts'
import { lastingLease, startReconciler, type ReconcilerProcess } from './reconciler-process.ts'
import { Site, type Lab } from './site.ts'
import { WriteNamer, type Write } from './write-name.ts'

/** What the runs of a test file share. */
export interface KillLab extends Lab {
  /** Of a namespace; see end-state.ts. */
  readonly collections: readonly string[]
}

/** One kill: at a write, before it is sent on, or when it is answered and nobody has heard it. */
export interface Point {
  /** Its name; see write-name.ts. */
  readonly write: string
  readonly moment: 'before' | 'after'
}

export interface Scenario {
  readonly name: string
  /** Brings the world to where it begins; nothing is recorded yet. */
  readonly before?: (run: Run) => Promise<void>
  /** Does what the scenario is about, and waits until it has come about and nothing more is written. */
  readonly act: (run: Run) => Promise<void>
  /** `act` starts the process. */
  readonly startsProcess?: boolean
}

export interface Outcome {
  /** Every write that was asked for from the beginning of `act` until the end or, included, the one of the kill. */
  readonly writes: readonly Write[]
  /** Those of the processes that went on after the kill. */
  readonly later: readonly Write[]
  /** How many of all these were handed to the API server, and by which name it knows who asked. */
  readonly sent: number
  readonly userAgent: string
  readonly wasKilled: boolean
  /** The tenant's. */
  readonly namespace: string
  readonly end: EndState
}

export interface PlayOptions {
  readonly point?: Point
  /** What it is to come to, which a process is given time for before it is told to end. */
  readonly expected?: EndState
}

const podName = 'windlass-0'
const patienceMs = 120_000
/** For what is to come about by itself; the comparison that follows says what did not. */
const convergenceMs = 30_000

/** Plays a scenario with a process that is killed at that point, if any, and started anew as a kubelet would. */
export async function play(
  t: Test,
  lab: KillLab,
  scenario: Scenario,
  { point, expected }: PlayOptions = {},
): Promise<Outcome> {
  const run = await Run.prepare(t, lab, point)
  await scenario.before?.(run)
  run.record()
  await scenario.act(run)
  await run.finish(expected)
  const { writes, later, sent, userAgent, wasKilled } = run
  return { writes, later, sent, userAgent, wasKilled, namespace: run.web.namespace, end: await run.endState(expected) }
}

/** One process in a site of its own, every write of which is seen, and which may be killed at one of them. */
export class Run extends Site {
  readonly writes: Write[] = []
  readonly later: Write[] = []
  sent = 0
  wasKilled = false
  readonly #t: Test
  readonly #collections: readonly string[]
  readonly #point: Point | undefined
  readonly #namer: WriteNamer
  readonly #names = new Map<Asked, string>()
  readonly #askers = new WeakMap<Asked, ReconcilerProcess>()
  readonly #lines: string[] = []
  #isRecording = false
  #isEnding = false
  /** The process that runs now has marked its pod. */
  #isLeading = false
  #ambush: (asked: Asked) => Promise<boolean> = async () => false
  #api = { url: '', token: '' }
  #process: ReconcilerProcess | undefined

  private constructor(t: Test, lab: KillLab, { installation, web }: Site, point: Point | undefined) {
    super(lab, installation, web)
    this.#t = t
    this.#collections = lab.collections
    this.#point = point
    this.#namer = new WriteNamer(this.#places)
  }

  static async prepare(t: Test, lab: KillLab, point?: Point): Promise<Run> {
    const run = new Run(t, lab, await Site.open(lab, 'kill'), point)
    const { token } = await run.installation.addPod(podName)
    const { url } = await startHttpProxy(t, {
      target: lab.cluster.server,
      userAgent: () => run.userAgent,
      hooks: {
        onRequest: (asked) => run.#before(asked),
        onAnswer: (asked) => run.#after(asked),
        rewrite: (path) => run.rewrite(path),
      },
    })
    run.#api = { url, token }
    return run
  }

  /** From now on, writes count; nothing may be on its way. */
  record(): void {
    this.#isRecording = true
  }

  async start(): Promise<void> {
    const { program, standIn } = this.lab
    const process = await startReconciler(this.#t, {
      program,
      standIn,
      pod: { name: podName, namespace: this.installation.namespace },
      api: this.#api,
      lease: lastingLease,
      onLine: (line) => void this.#lines.push(line),
    })
    this.#process = process
    void this.#watchOver(process)
  }

  async #watchOver({ exited }: ReconcilerProcess): Promise<void> {
    const { code, signal } = await exited
    if (this.#isEnding || signal === 'SIGKILL') return
    this.#t.fail(`the process ended by itself: ${code} ${signal}`, { log: this.#lines.slice(-20) })
  }

  /** Starts a process that is killed when it has written this ConfigMap, and before it hears so. */
  async startUntilWritten(name: string): Promise<void> {
    const killed = Promise.withResolvers<void>()
    this.#ambush = async ({ isWrite, path }) => {
      if (!isWrite || !path.endsWith(`/configmaps/${name}`)) return false
      this.#ambush = async () => false
      await this.#kill()
      killed.resolve()
      return true
    }
    await this.start()
    await killed.promise
  }

  /** Waits for a process that leads, and has said so; one that has hardly begun does not yet listen to a signal. */
  async untilLeading(): Promise<ReconcilerProcess> {
    return waitFor(
      async () => (this.#isLeading ? this.#process : undefined),
      () => `a process to lead; it said ${this.#lines.slice(-20).join('\n')}`,
      { timeoutMs: patienceMs, everyMs: 20 },
    )
  }

  /** Lets all that goes on come to its end, the process last. */
  async finish(expected: EndState | undefined): Promise<void> {
    const isThere = (await this.web.object(`${apiVersion}/deliveries/web`)) !== undefined
    if (isThere) {
      // Whoever has heeded this has looked at everything once more.
      await this.web.annotate({ 'windlass.dev/reconcile-requested-at': 'end' })
      await this.until('the last look', ({ status }) => status?.lastHandledReconcileRequest === 'end')
    }
    for (let ended = false; !ended;) {
      const process = await this.untilLeading()
      if (expected !== undefined) await this.#converge(expected)
      this.#isEnding = true
      process.send('SIGTERM')
      const exit = await process.exited
      ended = exit.signal !== 'SIGKILL'
      if (ended) this.#t.same(exit, { code: 0, signal: null }, 'the process ends well')
    }
  }

  /**
   * All that stands in the tenant's namespace, and what the process writes in its own; where it is known what is to be
   * there, of those collections alone, for there are many.
   */
  async endState(expected?: EndState): Promise<EndState> {
    return this.#dump(expected === undefined ? this.#collections : heldCollections(expected, this.#collections))
  }

  get userAgent(): string {
    // What comes before the slash is who the API server says has written a field.
    return `windlass/${this.web.namespace}${this.#isRecording ? '/recorded' : ''}`
  }

  async #dump(collections: readonly string[]): Promise<EndState> {
    const paths = collections.map((path) => {
      return path.replace('TENANT', this.web.namespace).replace('OWN', this.installation.namespace)
    })
    return endState(this.lab.cluster, paths, { ...this.bundles, ...this.#places })
  }

  /** Waits until the world is as it is to be in the end, but for the lease, which the process still holds. */
  async #converge(expected: EndState): Promise<void> {
    const wanted = withoutLease(expected)
    const collections = heldCollections(wanted, this.#collections)
    await waitFor(
      async () => isDeepStrictEqual(withoutLease(await this.#dump(collections)), wanted) || undefined,
      () => 'the same end',
      { timeoutMs: convergenceMs, everyMs: 100 },
    ).catch(() => undefined)
  }

  get #places(): Readonly<Record<string, string>> {
    return { [this.web.namespace]: 'TENANT', [this.installation.namespace]: 'OWN' }
  }

  async #before(asked: Asked): Promise<Fate> {
    if (!asked.isWrite) return pass
    if (this.#process !== undefined) this.#askers.set(asked, this.#process)
    if (!this.#isRecording) return pass
    const write = this.#namer.name(asked)
    this.#names.set(asked, write.name)
    this[this.wasKilled ? 'later' : 'writes'].push(write)
    if (await this.#killAt(write.name, 'before')) return lost
    this.sent += 1
    return pass
  }

  async #after(asked: Asked): Promise<'pass' | 'lost'> {
    if (!asked.isWrite) return 'pass'
    const name = this.#names.get(asked)
    const isKilled = name === undefined ? await this.#ambush(asked) : await this.#killAt(name, 'after')
    if (isKilled) return 'lost'
    if (isLeaderMark(asked) && this.#askers.get(asked) === this.#process) this.#isLeading = true
    return 'pass'
  }

  async #killAt(write: string, moment: Point['moment']): Promise<boolean> {
    if (this.wasKilled || this.#point?.write !== write || this.#point.moment !== moment) return false
    this.wasKilled = true
    this.#isEnding = false
    await this.#kill()
    await this.start()
    return true
  }

  async #kill(): Promise<void> {
    this.#process?.send('SIGKILL')
    await this.#process?.exited
    this.#isLeading = false
  }
}

/** A process that was elected marks its pod. */
function isLeaderMark({ path, body }: Asked): boolean {
  if (!path.endsWith(`/pods/${podName}`)) return false
  const { metadata } = JSON.parse(body) as Pick<KubeObject, 'metadata'>
  return metadata.labels?.[leaderLabel] === 'true'
}

function withoutLease(state: EndState): EndState {
  return Object.fromEntries(Object.entries(state).filter(([path]) => !path.includes('/leases/')))
}
