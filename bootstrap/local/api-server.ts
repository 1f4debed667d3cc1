import { access, constants, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { apiServerArguments, etcdArguments, prepareControlPlane } from './control-plane.ts'
import { freePort } from './free-port.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import type { ProcessIdentity, SpawnedProcess } from './process.ts'
import { spawnDetached, stopProcess } from './process.ts'
import { waitUntilReady } from './readiness.ts'
import { ensureTools } from './tools.ts'

export interface StartApiServerOptions {
  /** Folder for certificates, data and logs; made if missing, and not deleted. */
  readonly dir: string
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

export interface ApiServer {
  readonly url: string
  /** Kubeconfig of an administrator. */
  readonly kubeconfig: string
  readonly caPem: string
  /** JSON lines of audit.k8s.io/v1 Events at level Metadata, at RequestReceived and ResponseComplete. */
  readonly auditLog: string
  /** Path of the kubectl of this server's version. */
  readonly kubectl: string
  /** The process of its etcd, for a test that stops it. */
  readonly etcd: ProcessIdentity
  stop(): Promise<void>
}

/**
 * etcd and kube-apiserver on loopback, without root and without a node. Both end with this process, however it ends.
 */
export async function startApiServer(options: StartApiServerOptions): Promise<ApiServer> {
  const { dir, signal } = options
  const tools = await ensureTools(['etcd', 'kube-apiserver', 'kubectl'], options)
  await mkdir(dir, { recursive: true })
  const files = await prepareControlPlane(dir, [])
  for (let attempt = 1; ; attempt += 1) {
    const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort()]
    const url = `https://127.0.0.1:${port}`
    const etcd = await spawnBound(
      tools.etcd,
      etcdArguments({ dataDir: join(dir, 'etcd'), clientPort, peerPort }),
      join(dir, 'etcd.log'),
    )
    const apiServer = await spawnBound(
      tools['kube-apiserver'],
      apiServerArguments({
        files,
        etcdUrl: `http://127.0.0.1:${clientPort}`,
        bindAddress: '127.0.0.1',
        advertiseAddress: '127.0.0.1',
        port,
      }),
      join(dir, 'kube-apiserver.log'),
    )
    const stop = async (): Promise<void> => {
      await stopProcess(apiServer, 5_000)
      await stopProcess(etcd, 5_000)
    }
    try {
      const caPem = files.authority.certPem
      await waitUntilReady({ url, caPem }, { etcd, 'kube-apiserver': apiServer }, signal)
      const kubeconfig = join(dir, 'kubeconfig')
      await writeKubeconfig(kubeconfig, { name: 'windlass-api', url, caPem, client: files.admin })
      return { url, kubeconfig, caPem, auditLog: files.auditLog, kubectl: tools.kubectl, etcd, stop }
    } catch (error) {
      await stop()
      const isTaken = /address already in use/.test(String(error))
      if (!isTaken || attempt === 3) throw error
    }
  }
}

/** The child gets SIGKILL from the kernel when this process ends, even where that was killed itself. */
async function spawnBound(command: string, args: readonly string[], logFile: string): Promise<SpawnedProcess> {
  await access(command, constants.X_OK)
  return spawnDetached('setpriv', ['--pdeathsig', 'SIGKILL', '--', command, ...args], { logFile })
}
