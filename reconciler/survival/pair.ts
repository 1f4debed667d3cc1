import type { Test } from 'tap'
import { readAuditLog, type AuditEvent } from '../../bootstrap/local/audit-log.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { settings, workload } from '../src/runtime/test-registry.ts'
import { lost, pass, startHttpProxy, type Asked, type Fate } from './http-proxy.ts'
import { productionLease, startReconciler, type ReconcilerProcess } from './reconciler-process.ts'
import { Site, type Lab } from './site.ts'

const patienceMs = 120_000

export interface Candidate {
  readonly pod: string
  readonly process: ReconcilerProcess
  untilSaid(message: string): Promise<void>
}

/** What is done with the next request that is waited for, and with whoever sent it. */
type Interception = (asked: Asked, pod: string) => Promise<Fate> | undefined

/** Two replicas, each with a proxy of its own between it and the API server. */
export class Pair extends Site {
  readonly #candidates = new Map<string, Candidate>()
  #intercept: Interception = () => undefined
  #cutOff: string | undefined
  #held = Promise.withResolvers<void>()

  static async stand(t: Test, lab: Lab, purpose: string): Promise<Pair> {
    const { installation, web } = await Site.open(lab, purpose)
    const pair = new Pair(lab, installation, web)
    for (const pod of ['windlass-a', 'windlass-b']) pair.#candidates.set(pod, await pair.#start(t, pod))
    t.teardown(() => pair.#held.resolve())
    return pair
  }

  async releaseFirst(): Promise<void> {
    await this.push(1, settings({ color: 'blue' }), workload(this.repository))
    await this.createDelivery()
    await this.release('r1')
  }

  /** Stops whoever sends such a request, which lands; answers when that is done. */
  async stopAtNext(
    isMeant: (asked: Asked) => boolean,
  ): Promise<{ readonly who: Candidate; readonly landed: Promise<void> }> {
    const pod = await new Promise<string>((resolve) => {
      this.#intercept = (asked, pod) => {
        if (!isMeant(asked)) return undefined
        this.#intercept = () => undefined
        this.#candidate(pod).process.send('SIGSTOP')
        resolve(pod)
        return Promise.resolve(pass)
      }
    })
    return { who: this.#candidate(pod), landed: Promise.resolve() }
  }

  /** Holds such a request, and all that its sender asks from then on, until `release` lets that one request go. */
  async cutOffAtNext(
    isMeant: (asked: Asked) => boolean,
  ): Promise<{ readonly who: Candidate; readonly release: () => Promise<number> }> {
    const arrived = Promise.withResolvers<number>()
    const pod = await new Promise<string>((resolve) => {
      this.#intercept = (asked, pod) => {
        if (!isMeant(asked)) return undefined
        this.#intercept = () => undefined
        this.#cutOff = pod
        this.#onAnswer = (answered, code) => {
          if (answered === asked) arrived.resolve(code)
        }
        resolve(pod)
        return this.#held.promise.then(() => pass)
      }
    })
    return {
      who: this.#candidate(pod),
      release: () => {
        this.#held.resolve()
        return arrived.promise
      },
    }
  }

  /** Does something as such a request arrives, which then goes its way; resolves when it is done. */
  async atNext(isMeant: (asked: Asked) => boolean, act: () => void): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#intercept = (asked) => {
        if (!isMeant(asked)) return undefined
        this.#intercept = () => undefined
        act()
        resolve()
        return Promise.resolve(pass)
      }
    })
  }

  async untilColor(color: string): Promise<void> {
    const path = 'v1/configmaps/settings'
    const colorOf = async () => ((await this.web.object(path))?.['data'] as { color?: string } | undefined)?.color
    await waitFor(
      async () => (await colorOf()) === color || undefined,
      async () => `settings to be ${color}; they are ${await colorOf()}`,
      { timeoutMs: patienceMs, everyMs: 50 },
    )
  }

  /** Pods that wrote the lease, each time another did. */
  async holders(): Promise<readonly string[]> {
    const writes = (await this.#writes()).filter(isLeaseWrite).map(podOf)
    return writes.filter((pod, index) => pod !== writes[index - 1])
  }

  /** Writes of what a lease is needed for, by a pod other than the one that held it when the server took them. */
  async foreignWrites(): Promise<readonly string[]> {
    let holder: string | undefined
    const foreign: string[] = []
    for (const event of await this.#writes()) {
      if (isLeaseWrite(event)) holder = podOf(event)
      else if (needsLease(event) && podOf(event) !== holder) {
        const { verb, requestURI, responseStatus } = event
        foreign.push(`${podOf(event)}: ${verb} ${requestURI.replace(/\?.*/, '')} ${responseStatus?.code}`)
      }
    }
    return foreign
  }

  /** In the order in which the server got them; a lease that was refused is no term. */
  async #writes(): Promise<readonly AuditEvent[]> {
    const isOurs = ({ stage, verb, requestURI, user }: AuditEvent) =>
      stage === 'ResponseComplete' &&
      user.username === `system:serviceaccount:${this.installation.namespace}:windlass` &&
      ['create', 'update', 'patch', 'delete'].includes(verb) &&
      !requestURI.includes('dryRun=All')
    const events = await readAuditLog(this.lab.cluster.server.auditLog, isOurs)
    return events
      .filter((event) => event.objectRef?.resource !== 'leases' || (event.responseStatus?.code ?? 500) < 300)
      .toSorted((one, other) => one.requestReceivedTimestamp.localeCompare(other.requestReceivedTimestamp))
  }

  #onAnswer: (asked: Asked, code: number) => void = () => {}

  #candidate(pod: string): Candidate {
    const candidate = this.#candidates.get(pod)
    if (candidate === undefined) throw new Error(`there is no pod ${pod}`)
    return candidate
  }

  async #start(t: Test, pod: string): Promise<Candidate> {
    const { token } = await this.installation.addPod(pod)
    const proxy = await startHttpProxy(t, {
      target: this.lab.cluster.server,
      hooks: {
        onRequest: async (asked) => {
          const fate = this.#intercept(asked, pod)
          if (fate !== undefined) return fate
          if (this.#cutOff !== pod) return pass
          await this.#held.promise
          // Its sender has given it up long ago.
          return lost
        },
        onAnswer: (asked, code) => {
          this.#onAnswer(asked, code)
          return 'pass'
        },
        rewrite: (url) => this.rewrite(url),
      },
    })
    const lines: string[] = []
    const { program, standIn } = this.lab
    const process = await startReconciler(t, {
      program,
      standIn,
      pod: { name: pod, namespace: this.installation.namespace },
      api: { url: proxy.url, token },
      lease: productionLease,
      onLine: (line) => void lines.push(line),
    })
    return {
      pod,
      process,
      untilSaid: async (message) => {
        await waitFor(
          async () => lines.some((line) => line.includes(`"message":"${message}"`)) || undefined,
          () => `${pod} to say ${message}; it said ${lines.slice(-10).join('\n')}`,
          { timeoutMs: patienceMs, everyMs: 50 },
        )
      },
    }
  }
}

function podOf({ user }: AuditEvent): string {
  return user.extra?.['authentication.kubernetes.io/pod-name']?.[0] ?? 'no pod'
}

function isLeaseWrite({ objectRef }: AuditEvent): boolean {
  return objectRef?.resource === 'leases'
}

/** Events are written behind the work, and the mark of the leader is each pod's own. */
function needsLease({ objectRef }: AuditEvent): boolean {
  return objectRef?.resource !== 'events' && objectRef?.resource !== 'pods'
}
