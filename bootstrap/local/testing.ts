import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { parse } from 'yaml'
import { startApiServer } from './api-server.ts'

/** Environment of a test run that has started one API server for all of its files. */
export const sharedServerEnv = {
  kubeconfig: 'WINDLASS_TEST_KUBECONFIG',
  auditLog: 'WINDLASS_TEST_AUDIT_LOG',
} as const

export interface TestApiServer {
  readonly url: string
  /** Kubeconfig of an administrator. */
  readonly kubeconfig: string
  readonly caPem: string
  /** See `ApiServer.auditLog`; a server shared with other tests holds their requests too. */
  readonly auditLog: string
  /** A namespace name that no other test has; the namespace is not made. */
  namespaceName(purpose: string): string
}

/**
 * A real API server for a test: the one that the test run has started, or one of its own that ends with the test.
 * There is no controller behind it: no default service accounts, no garbage collection, no rollouts.
 */
export async function sharedApiServer(t: Test): Promise<TestApiServer> {
  const kubeconfig = process.env[sharedServerEnv.kubeconfig]
  const auditLog = process.env[sharedServerEnv.auditLog]
  if (kubeconfig && auditLog) return { ...(await readKubeconfig(kubeconfig)), kubeconfig, auditLog, namespaceName }

  const dir = await mkdtemp(join(tmpdir(), 'windlass-api-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const server = await startApiServer({ dir, onStep: (step) => t.comment(step) })
  // Teardowns run last in, first out: the server ends before its folder goes.
  t.teardown(() => server.stop())
  return {
    url: server.url,
    kubeconfig: server.kubeconfig,
    caPem: server.caPem,
    auditLog: server.auditLog,
    namespaceName,
  }
}

/** A folder that all tests of a run share and that goes with the run's API server; undefined where a file runs alone. */
export function sharedFolder(): string | undefined {
  const kubeconfig = process.env[sharedServerEnv.kubeconfig]
  return kubeconfig ? dirname(kubeconfig) : undefined
}

function namespaceName(purpose: string): string {
  const slug = purpose.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  // A namespace name is a DNS label: 63 characters at most (RFC 1123).
  return `test-${slug.slice(0, 40).replaceAll(/^-+|-+$/g, '')}-${randomBytes(4).toString('hex')}`
}

interface KubeconfigFile {
  readonly clusters: readonly [
    { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } },
  ]
}

async function readKubeconfig(path: string): Promise<{ readonly url: string; readonly caPem: string }> {
  const { cluster } = (parse(await readFile(path, 'utf8')) as KubeconfigFile).clusters[0]
  return {
    url: cluster.server,
    caPem: Buffer.from(cluster['certificate-authority-data'], 'base64').toString('utf8'),
  }
}
