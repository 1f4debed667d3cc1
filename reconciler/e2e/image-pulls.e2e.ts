import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { platform as names } from '../../bootstrap/local/backend.ts'
import { mediaTypes, openLayout, sealLayout, writeBlob, type OciImage } from '../../bootstrap/local/images/oci-image.ts'
import { writeStaticImage } from '../../bootstrap/local/native/static-image.ts'
import { pushImage } from '../../bootstrap/local/registry-push.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import type { PodFault } from '../src/core/pod-faults.ts'
import { openStage, setScene, type Scene } from './rollout-scene.ts'
import { deployment, pod } from './test-pods.ts'

t.setTimeout(600_000)
const platform = await sharedPlatform(t)
const cluster = openStage(t, platform)
const { registry } = platform
t.teardown(() => registry.admin.clearFaults())

type FaultInput = Parameters<typeof registry.admin.addFault>[0]

interface Case {
  /** What the registry does wrong; the repository is the case's own. */
  readonly fault?: (repository: string) => FaultInput
  /** What is pushed before; nothing where absent. */
  readonly push?: (repository: string) => Promise<string>
  readonly repository?: string
  /** Host of the image, and its port, where it is not the platform's registry. */
  readonly host?: (t: Test) => Promise<string>
  readonly expected: PodFault['reason']
  readonly message: RegExp
}

const status = (status: number) => (repository: string) =>
  ({ match: { repository }, effect: { kind: 'status', status } }) as const

const cases: Readonly<Record<string, Case>> = {
  'a digest that the registry does not have': { expected: 'ImageNotFound', message: /: not found$/ },
  'a layer that the registry does not have': {
    push: (repository) => push(repository, (image) => image),
    fault: (repository) => ({ match: { repository, path: '/blobs/' }, effect: { kind: 'status', status: 404 } }),
    expected: 'ImageNotFound',
    message: /not found/,
  },
  'an image for another kind of machine': {
    push: (repository) => push(repository, forAnotherMachine),
    expected: 'ImageNotFound',
    message: /no match for platform in manifest/,
  },
  'a right that the node lacks': {
    repository: 'nobodys/app',
    expected: 'ImagePullFailed',
    message: /40[13]|denied|authoriz/i,
  },
  'a registry that answers 401': { fault: status(401), expected: 'ImagePullFailed', message: /401|authoriz/i },
  'a registry that answers 403': { fault: status(403), expected: 'ImagePullFailed', message: /403 Forbidden/ },
  'a registry that answers 429': { fault: status(429), expected: 'ImagePullFailed', message: /429 Too Many Requests/ },
  'a registry that answers 503': {
    fault: status(503),
    expected: 'ImagePullFailed',
    message: /503 Service Unavailable/,
  },
  'blobs that answer 503': {
    push: (repository) => push(repository, (image) => image),
    fault: (repository) => ({ match: { repository, path: '/blobs/' }, effect: { kind: 'status', status: 503 } }),
    expected: 'ImagePullFailed',
    message: /503 Service Unavailable/,
  },
  'a connection that is reset': {
    fault: (repository) => ({ match: { repository }, effect: { kind: 'reset' } }),
    expected: 'ImagePullFailed',
    message: /EOF|reset/,
  },
  'a registry that never answers': { host: mute, expected: 'ImagePullFailed', message: /timeout/ },
}

t.jobs = 10
for (const [name, one] of Object.entries(cases))
  t.test(`${name}: ${one.expected}`, { buffered: true }, (t) => play(t, one))

async function play(t: Test, { fault, push, expected, message, ...one }: Case) {
  const repository = one.repository ?? `local/pull-${randomBytes(4).toString('hex')}`
  const digest = (await push?.(repository)) ?? `sha256:${randomBytes(32).toString('hex')}`
  if (fault !== undefined) {
    const id = await registry.admin.addFault(fault(repository))
    t.teardown(() => registry.admin.clearFault(id))
  }
  const host = (await one.host?.(t)) ?? names.registryHost
  const image = `${host}/${repository}:0123456@${digest}`
  const scene = await setScene(t, cluster)
  const sinceMs = Date.now()
  const workloads = await scene.apply(deployment(pod({ name: 'app', image })))
  const seen = await scene.watch({ workloads, sinceMs, until: ({ fault }) => fault !== undefined })
  const verdict = seen.at(-1)?.fault
  const isOwn = expected === 'ImageNotFound'
  t.match(verdict, { fault: isOwn ? 'release' : 'environment', reason: expected, isFinal: isOwn, message })
  t.match(verdict?.message, new RegExp(`^Deployment/web, pod web-\\S+, container app: ${image}: `))

  await waitFor(
    async () => (await waitingReasons(scene)).includes('ImagePullBackOff') || undefined,
    async () => `the kubelet to wait between two tries: ${(await waitingReasons(scene)).join(' ')}`,
    { timeoutMs: 120_000 },
  )
  const [later] = await scene.watch({ workloads, sinceMs, until: () => true })
  t.same(later?.fault, verdict, 'between two tries it is the same')
}

async function waitingReasons(scene: Scene): Promise<readonly string[]> {
  const pods = await scene.listPods()
  return pods.flatMap(({ containers }) => containers.map(({ waiting }) => waiting.reason))
}

/** Takes every connection of the node, and says nothing. */
async function mute(t: Test): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { hostIp } = platform.cluster
  await once(server.listen(0, hostIp), 'listening')
  return `${hostIp}:${(server.address() as AddressInfo).port}`
}

/** An image that no node has: of a layer that was never seen. */
async function push(repository: string, change: (image: OciImage) => Promise<OciImage> | OciImage): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-pull-'))
  try {
    const program = join(dir, 'random')
    await writeFile(program, randomBytes(1_024))
    await writeStaticImage(dir, { name: repository, program, entrypoint: 'program' })
    const image = await change(await openLayout(join(dir, 'layout')))
    const { digest } = await pushImage(registry, image, repository, {})
    return digest
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function forAnotherMachine({ layout, root }: OciImage): Promise<OciImage> {
  const manifests = [{ ...root, platform: { architecture: 's390x', os: 'linux' } }]
  const index = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests })
  return sealLayout(layout, await writeBlob(layout, mediaTypes.index, index))
}
