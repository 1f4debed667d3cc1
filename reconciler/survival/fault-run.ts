import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { readAuditLog, isWrite } from '../../bootstrap/local/audit-log.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import type { DeliverySpec } from '../src/api/delivery.ts'
import { conditionOf } from '../src/runtime/test-loop.ts'
import { settings, workload } from '../src/runtime/test-registry.ts'
import { pass, startHttpProxy, type Asked, type Fate, type HttpProxy, type ProxyHooks } from './http-proxy.ts'
import { productionLease, startReconciler, type ReconcilerProcess } from './reconciler-process.ts'
import { lineOf, RequestTally } from './request-tally.ts'
import { Site, type Lab } from './site.ts'

const podName = 'windlass-0'
const nothing: ProxyHooks = {}

/** One process in a site of its own, behind a proxy by which the API server fails as a test says; requests are counted. */
export class FaultRun extends Site {
  /** Log lines of the process. */
  readonly lines: string[] = []
  readonly #t: Test
  #hooks: ProxyHooks = nothing
  #tally: RequestTally | undefined
  #proxy: HttpProxy | undefined
  #process: ReconcilerProcess | undefined
  #token = ''

  private constructor(t: Test, lab: Lab, { installation, web }: Site) {
    super(lab, installation, web)
    this.#t = t
  }

  static async prepare(t: Test, lab: Lab, purpose: string): Promise<FaultRun> {
    const run = new FaultRun(t, lab, await Site.open(lab, purpose))
    run.#token = (await run.installation.addPod(podName)).token
    run.#proxy = await startHttpProxy(t, {
      target: lab.cluster.server,
      hooks: {
        onRequest: (asked) => run.#ask(asked),
        onAnswer: (asked, code, body) => run.#hooks.onAnswer?.(asked, code, body) ?? 'pass',
        rewrite: (url) => run.#hooks.rewrite?.(run.rewrite(url)) ?? run.rewrite(url),
        watchLines: (asked, lines) => run.#hooks.watchLines?.(asked, lines) ?? lines,
      },
    })
    return run
  }

  /** Starts the process, whose API server fails from the beginning where a fault was begun before. */
  async start(): Promise<void> {
    const { program, standIn } = this.lab
    this.#process = await startReconciler(this.#t, {
      program,
      standIn,
      pod: { name: podName, namespace: this.installation.namespace },
      api: { url: this.#proxy?.url ?? '', token: this.#token },
      lease: productionLease,
      onLine: (line) => void this.lines.push(line),
    })
  }

  /** Something comes about that the process does not see happen: it goes on, or begins anew, when it is done. */
  async unseen(work: () => Promise<void>, how: 'stopped' | 'killed' = 'stopped'): Promise<void> {
    this.#process?.send(how === 'stopped' ? 'SIGSTOP' : 'SIGKILL')
    if (how === 'killed') await this.#process?.exited
    await work()
    if (how === 'stopped') this.#process?.send('SIGCONT')
    else await this.start()
  }

  /** Starts the process, and brings r1 to run. */
  async releaseFirst(spec: Partial<DeliverySpec> = {}): Promise<void> {
    await this.start()
    await this.pushColor(1, 'blue')
    await this.createDelivery(spec)
    await this.release('r1')
  }

  /** The n-th release: a Deployment, and a ConfigMap that tells the releases apart. */
  async pushColor(n: number, color: string): Promise<void> {
    await this.push(n, settings({ color }), settings({ size: 'large' }, 'more'), workload(this.repository))
  }

  /** From now on the API server fails so, and what is asked is counted, until `endFault`. */
  beginFault(hooks: ProxyHooks): void {
    this.#hooks = hooks
    this.#tally = new RequestTally()
  }

  /** The same, from the next such request on, which meets it already. Resolves then. */
  async beginFaultAt(isMeant: (asked: Asked) => boolean, hooks: ProxyHooks): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#hooks = {
        onRequest: (asked) => {
          if (!isMeant(asked)) return pass
          this.beginFault(hooks)
          resolve()
          return this.#ask(asked)
        },
      }
    })
  }

  /** Answers what was asked while it failed. */
  endFault(): RequestTally {
    const tally = this.#tally
    if (tally === undefined) throw new Error('no fault was begun')
    tally.end()
    this.#hooks = nothing
    this.#tally = undefined
    return tally
  }

  cutWatches(): void {
    this.#proxy?.cutWatches()
  }

  /** Lets time pass in which nothing may come about; what may is counted. */
  async lasts(ms: number): Promise<void> {
    await sleep(ms)
  }

  async untilReason(reason: string): Promise<void> {
    await this.until(`Ready to have the reason ${reason}`, (delivery) => {
      return conditionOf(delivery, 'Ready')?.reason === reason
    })
  }

  async untilColor(color: string): Promise<void> {
    await waitFor(
      async () => (await this.#color()) === color || undefined,
      async () => `settings to be ${color}; they are ${await this.#color()}; ${this.lines.slice(-5).join('\n')}`,
      { timeoutMs: 120_000, everyMs: 50 },
    )
  }

  /** How often the API server took a write of that object by the tenant's account. */
  async writesOf(name: string): Promise<number> {
    const user = `system:serviceaccount:${this.web.namespace}:deployer`
    const events = await readAuditLog(
      this.lab.cluster.server.auditLog,
      (event) => isWrite(event) && event.impersonatedUser?.username === user && event.objectRef?.name === name,
    )
    return events.length
  }

  /**
   * How many requests it gave up waiting for, by its log, as on a machine that is busy with much else. All of a release is
   * written again for each such write, for what became of it is not known.
   */
  get unanswered(): number {
    return this.lines.filter((line) => line.includes('the API server did not answer within')).length
  }

  /**
   * How often it lost its lease, by its log: where nothing is answered for long enough it can't be renewed in time. What it
   * was in the midst of is written again from the beginning in its next term.
   */
  get lostTerms(): number {
    return this.lines.filter((line) => line.includes('leadership ended')).length
  }

  /** How often what the Deployment is to run was changed, by the API server. */
  async generation(): Promise<unknown> {
    return (await this.web.object('apps/v1/deployments/web'))?.metadata['generation']
  }

  async #color(): Promise<string | undefined> {
    const object = await this.web.object('v1/configmaps/settings')
    return (object?.['data'] as { readonly color?: string } | undefined)?.color
  }

  #ask(asked: Asked): Fate | Promise<Fate> {
    this.#tally?.count(lineOf(asked))
    return this.#hooks.onRequest?.(asked) ?? pass
  }
}
