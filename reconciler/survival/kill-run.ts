import type { Test } from 'tap'
import { readAuditLog, type AuditEvent } from '../../bootstrap/local/audit-log.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { apiVersion } from '../src/api/delivery.ts'
import { endState } from './end-state.ts'
import { lost, pass, startHttpProxy, type Asked, type Fate } from './http-proxy.ts'
import { lastingLease, startReconciler, type ReconcilerProcess } from './reconciler-process.ts'
import { Site, type Lab } from './site.ts'

/** What the runs of a test file share. */
export interface KillLab extends Lab {
  /** Of a namespace; see end-state.ts. */
  readonly collections: readonly string[]
}

/** One kill: of the n-th write of its kind, before it is sent on or when it is answered and nobody has heard it. */
export interface Point {
  readonly write: string
  readonly moment: 'before' | 'after'
}

export interface Scenario {
  readonly name: string
  /** Brings the world to where it begins; nothing is recorded yet. */
  readonly before?: (run: Run) => Promise<void>
  /** Does what the scenario is about, and waits until it has come about. */
  readonly act: (run: Run) => Promise<void>
}

export interface Outcome {
  /** Every write that the process asked for from the beginning of `act` until it had ended well. */
  readonly writes: readonly string[]
  /** The same by the API server's audit log. */
  readonly audited: readonly string[]
  readonly wasKilled: boolean
  readonly end: Readonly<Record<string, unknown>>
}

const podName = 'windlass-0'
const patienceMs = 60_000

/** Plays a scenario with a process that is killed at that point, if any, and started anew as a kubelet would. */
export async function play(t: Test, lab: KillLab, scenario: Scenario, point?: Point): Promise<Outcome> {
  const run = await Run.prepare(t, lab, point)
  await scenario.before?.(run)
  run.record()
  await scenario.act(run)
  await run.finish()
  return { writes: run.writes, audited: await run.audited(), wasKilled: run.wasKilled, end: await run.endState() }
}

/** One process in a site of its own, every write of which is seen, and which may be killed at one of them. */
export class Run extends Site {
  readonly writes: string[] = []
  wasKilled = false
  readonly #t: Test
  readonly #collections: readonly string[]
  readonly #point: Point | undefined
  readonly #counts = new Map<string, number>()
  readonly #names = new Map<Asked, string>()
  readonly #lines: string[] = []
  #isRecording = false
  #isEnding = false
  #api = { url: '', token: '' }
  #process: ReconcilerProcess | undefined

  private constructor(t: Test, lab: KillLab, { installation, web }: Site, point: Point | undefined) {
    super(lab, installation, web)
    this.#t = t
    this.#collections = lab.collections
    this.#point = point
  }

  static async prepare(t: Test, lab: KillLab, point?: Point): Promise<Run> {
    const run = new Run(t, lab, await Site.open(lab, 'kill'), point)
    const { token } = await run.installation.addPod(podName)
    const { url } = await startHttpProxy(t, {
      target: lab.cluster.server,
      userAgent: () => run.#userAgent,
      hooks: {
        onRequest: (asked) => run.#before(asked),
        onAnswer: (asked) => run.#after(asked),
        rewrite: (path) => run.rewrite(path),
      },
    })
    run.#api = { url, token }
    return run
  }

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

  /** A kill at no point of its own, by which a scenario begins. */
  async kill(): Promise<void> {
    this.#process?.send('SIGKILL')
    await this.#process?.exited
  }

  /** Lets all that goes on come to its end, the process last. */
  async finish(): Promise<void> {
    const isThere = (await this.web.object(`${apiVersion}/deliveries/web`)) !== undefined
    if (isThere) {
      // Whoever has heeded this has looked at everything once more, and writes status before anything that follows.
      await this.web.annotate({ 'windlass.dev/reconcile-requested-at': 'end' })
      await this.until('the last look', ({ status }) => status?.lastHandledReconcileRequest === 'end')
    }
    for (let ended = false; !ended;) {
      const process = await this.#untilLeading()
      this.#isEnding = true
      process.send('SIGTERM')
      const exit = await process.exited
      ended = exit.signal !== 'SIGKILL'
      if (ended) this.#t.same(exit, { code: 0, signal: null }, 'the process ends well')
    }
  }

  /** All that stands in the tenant's namespace, and what the process writes in its own. */
  async endState(): Promise<Readonly<Record<string, unknown>>> {
    const own = this.installation.namespace
    const names = { ...this.bundles, [this.web.namespace]: 'TENANT', [own]: 'OWN' }
    const paths = [
      ...this.#collections.map((path) => path.replace('*', this.web.namespace)),
      `/api/v1/namespaces/${own}/pods`,
      `/apis/coordination.k8s.io/v1/namespaces/${own}/leases`,
    ]
    return endState(this.lab.cluster, paths, names)
  }

  /** Every write since the recording began, by the API server. */
  async audited(): Promise<readonly string[]> {
    const isOurs = ({ stage, verb, requestURI, userAgent }: AuditEvent) =>
      stage === 'RequestReceived' &&
      userAgent === this.#userAgent &&
      verb in methods &&
      !requestURI.includes('dryRun=All')
    const events = await readAuditLog(this.lab.cluster.server.auditLog, isOurs)
    return events.map(({ verb, requestURI }) => `${methods[verb]} ${requestURI.replace(/\?.*/, '')}`)
  }

  lines(): readonly string[] {
    return this.#lines
  }

  get #userAgent(): string {
    // What comes before the slash is who the API server says has written a field.
    return `windlass/${this.web.namespace}${this.#isRecording ? '/recorded' : ''}`
  }

  async #before(asked: Asked): Promise<Fate> {
    if (!asked.isWrite || !this.#isRecording) return pass
    const name = this.#nameOf(asked)
    this.#names.set(asked, name)
    this.writes.push(name)
    return (await this.#killAt(name, 'before')) ? lost : pass
  }

  async #after(asked: Asked): Promise<'pass' | 'lost'> {
    const name = this.#names.get(asked)
    return name !== undefined && (await this.#killAt(name, 'after')) ? 'lost' : 'pass'
  }

  async #killAt(write: string, moment: Point['moment']): Promise<boolean> {
    if (this.wasKilled || this.#point?.write !== write || this.#point.moment !== moment) return false
    this.wasKilled = true
    this.#isEnding = false
    await this.kill()
    await this.start()
    return true
  }

  /** The n-th write of its kind: the same in every run up to the kill. */
  #nameOf({ method, path, body }: Asked): string {
    const place = path
      .replaceAll(this.installation.namespace, 'OWN')
      .replaceAll(this.web.namespace, 'TENANT')
      .replace(/^\/apis?\//, '')
      // A copy of a release is named after what it holds.
      .replace(/(?<=\/controllerrevisions\/).*/, 'COPY')
    const kind = `${method} ${place}${eventReason(path, body)}`
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    return `${kind} #${count}`
  }

  /** Only a process that leads is told to end: one that has hardly begun does not listen yet. */
  async #untilLeading(): Promise<ReconcilerProcess> {
    return waitFor(
      async () => {
        const process = this.#process
        const isLeading = process !== undefined && (await process.isLeading())
        return isLeading ? process : undefined
      },
      () => `a process to lead; it said ${this.#lines.slice(-20).join('\n')}`,
      { timeoutMs: patienceMs, everyMs: 20 },
    )
  }
}

const methods: Readonly<Record<string, string>> = {
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
}

function eventReason(path: string, body: string): string {
  if (!path.includes('/events.k8s.io/')) return ''
  const { type, reason } = JSON.parse(body) as { readonly type?: string; readonly reason?: string }
  return ` (${type} ${reason})`
}
