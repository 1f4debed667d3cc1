/** The reconciler's program as its image holds it, run as a process of its own that a test may stop, resume and kill. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { bundleProgram } from '../../bootstrap/local/images/bundle.ts'
import { programs } from '../../bootstrap/local/images/image-context.ts'
import { sharedFolder } from '../../bootstrap/local/testing.ts'
import { testIds } from '../../bootstrap/local/registry/testing.ts'
import { hosts, type StandIn } from '../src/registry/test-stand-in.ts'

export interface Program {
  readonly file: string
  /** Where V8 keeps what it compiled, so that each start after the first costs less. */
  readonly compileCache: string
}

export interface LeaseTiming {
  readonly duration: string
  readonly renewDeadline: string
  readonly renewInterval: string
  readonly retryPeriod: string
}

/** No renewal falls into a test's time, and the next process of a pod leads at once. */
export const lastingLease: LeaseTiming = {
  duration: '3600s',
  renewDeadline: '3590s',
  renewInterval: '1800s',
  retryPeriod: '1s',
}

/** As in production: the machine that tests run on may be slow, and a leader is not to lose its lease by that. */
export const productionLease: LeaseTiming = {
  duration: '15s',
  renewDeadline: '10s',
  renewInterval: '4s',
  retryPeriod: '2s',
}

export interface ProcessOptions {
  readonly program: Program
  readonly pod: { readonly name: string; readonly namespace: string }
  readonly api: { readonly url: string; readonly token: string }
  readonly standIn: StandIn
  readonly lease: LeaseTiming
  /** Each line that it logs. */
  readonly onLine?: (line: string) => void
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ReconcilerProcess {
  /** Where it answers. */
  readonly url: string
  readonly exited: Promise<Exit>
  /** By its own metrics; false where it does not answer. */
  isLeading(): Promise<boolean>
  send(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
}

/** Bundles the program once for all processes of a test file, and for all files of a test run. */
export async function bundleReconciler(t: Test): Promise<Program> {
  const shared = sharedFolder()
  const dir = shared ?? (await mkdtemp(join(tmpdir(), 'windlass-program-')))
  if (shared === undefined) t.teardown(() => rm(dir, { recursive: true, force: true }))
  return bundleInto(dir)
}

/** Where two files bundle at once, one of them is first, and the other's is the same. */
export async function bundleInto(dir: string): Promise<Program> {
  const root = join(import.meta.dirname, '../..')
  const app = join(dir, 'reconciler')
  const file = join(app, `${basename(programs.reconciler.entry, '.ts')}.mjs`)
  if (!existsSync(app)) {
    const own = await mkdtemp(join(dir, 'bundling-'))
    await bundleProgram({ root, out: own, ...programs.reconciler })
    await rename(own, app).catch(async (error: unknown) => {
      if (!existsSync(app)) throw error
      await rm(own, { recursive: true, force: true })
    })
  }
  return { file, compileCache: join(dir, 'compiled') }
}

let addresses = 0

export async function startReconciler(t: Test, options: ProcessOptions): Promise<ReconcilerProcess> {
  const { program, pod, standIn, lease, onLine } = options
  const dir = await mkdtemp(join(tmpdir(), 'windlass-process-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const files = { token: join(dir, 'token'), kubeconfig: join(dir, 'kubeconfig') }
  await writeFile(files.token, await standIn.registry.issuer.token())
  await writeFile(files.kubeconfig, JSON.stringify(kubeconfigOf(options.api)))
  const host = nextAddress()
  // It lives for seconds, in which what V8 optimizes is not earned back.
  const command = [
    process.execPath,
    '--no-opt',
    '--no-maglev',
    '--import',
    leadingTo(standIn.registry.port),
    program.file,
  ]
  // It ends with the test, also where that is killed for taking too long. tap would have it tell what it loads, by options
  // in its environment, and read its whole source map for that.
  const child = spawn('setpriv', ['--pdeathsig', 'SIGKILL', '--', 'env', '--unset=NODE_OPTIONS', ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      NODE_EXTRA_CA_CERTS: standIn.registry.caFile,
      NODE_COMPILE_CACHE: program.compileCache,
      WINDLASS_KUBECONFIG: files.kubeconfig,
      WINDLASS_REGISTRIES: hosts.registry,
      WINDLASS_POD_NAME: pod.name,
      WINDLASS_POD_NAMESPACE: pod.namespace,
      WINDLASS_HOST: host,
      WINDLASS_LEASE_DURATION: lease.duration,
      WINDLASS_LEASE_RENEW_DEADLINE: lease.renewDeadline,
      WINDLASS_LEASE_RENEW_INTERVAL: lease.renewInterval,
      WINDLASS_LEASE_RETRY_PERIOD: lease.retryPeriod,
      WINDLASS_POLL_JITTER: '0s',
      WINDLASS_LOG_LEVEL: 'debug',
      WINDLASS_DISABLE_INSTANCE_DISCOVERY: 'true',
      AZURE_CLIENT_ID: testIds.clientId,
      AZURE_TENANT_ID: testIds.tenantId,
      AZURE_FEDERATED_TOKEN_FILE: files.token,
      AZURE_AUTHORITY_HOST: `https://${hosts.entra}`,
    },
  })
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', (line) => onLine?.(line))
  }
  const exited = once(child, 'exit').then(([code, signal]): Exit => ({ code, signal }))
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
  })
  const url = `http://${host}:8080`
  return {
    url,
    exited,
    send: (signal) => void child.kill(signal),
    async isLeading() {
      const answer = await fetch(`${url}/metrics`).catch(() => undefined)
      return (await answer?.text())?.split('\n').includes('windlass_leader 1') ?? false
    },
  }
}

/** Each process has a loopback address of its own, so that none needs a port that another may take first. */
function nextAddress(): string {
  addresses += 1
  const [high, low] = [(process.pid >> 8) % 254, process.pid % 256]
  return `127.${high + 1}.${low}.${(addresses % 253) + 1}`
}

/** A module that leads the names of the registry and of Entra ID to the stand-in, as a cluster's DNS does. */
function leadingTo(port: number): string {
  const code = `
    import tls from 'node:tls'
    import { syncBuiltinESMExports } from 'node:module'
    const connect = tls.connect
    tls.connect = (options, ...rest) =>
      connect(
        options.host?.endsWith('.windlass.test') ? { ...options, host: '127.0.0.1', port: ${port} } : options,
        ...rest,
      )
    syncBuiltinESMExports()`
  return `data:text/javascript,${encodeURIComponent(code)}`
}

/** client-node speaks plain HTTP only where certificates are not looked at anyway. */
function kubeconfigOf({ url, token }: ProcessOptions['api']): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'windlass', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'windlass' } }],
    'current-context': 'test',
  }
}
