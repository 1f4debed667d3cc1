import t, { type Test } from 'tap'
import { importToolbox, kubectl } from '../../bootstrap/local/native/testing.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { healthOf } from '../src/core/health.ts'
import { maxLogBytes } from '../src/core/log-tail.ts'
import type { PodFault } from '../src/core/pod-faults.ts'
import { openStage, setScene, type Scene } from './rollout-scene.ts'
import { configMap, daemonSet, deployment, pod, shell, sound, statefulSet, type PodShape } from './test-pods.ts'

t.setTimeout(600_000)
const platform = await sharedPlatform(t)
await importToolbox(platform.cluster)
const cluster = openStage(t, platform)
const nodeName = await kubectl(platform.cluster, 'get', 'nodes', '-o=jsonpath={.items[0].metadata.name}')

interface Case {
  /** Labels of the namespace. */
  readonly labels?: object
  /** What stands in the namespace before. */
  readonly around?: readonly object[]
  /** What ran before and was ready. */
  readonly before?: object
  /** What comes to pass while it is rolled out. */
  readonly meanwhile?: (scene: Scene) => Promise<unknown>
  readonly release: object
  readonly bundled?: readonly string[]
  readonly expected: Pick<PodFault, 'fault' | 'reason' | 'isFinal'> & { readonly message: RegExp }
  /** What the log ends with that is read then. */
  readonly log?: RegExp
}

const release = (reason: PodFault['reason'], message: RegExp) =>
  ({ fault: 'release', reason, isFinal: true, message }) as const
const environment = (reason: PodFault['reason'], message: RegExp) =>
  ({ fault: 'environment', reason, isFinal: false, message }) as const

const crash = shell('echo "no database" >&2; exit 3')
const neverReady = { readinessProbe: { exec: { command: ['/busybox', 'false'] }, periodSeconds: 1 } }
// A pod that is ready for a moment before it crashes would end the old ones.
const unhurried = { minReadySeconds: 30 }
const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' }
const quota = (hard: object) => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: 'quota' },
  spec: { hard },
})
const env = (from: object) => shell('exec /busybox sleep 3600', { env: [{ name: 'A', valueFrom: from }] })
const mounted = (volume: object): PodShape => ({
  ...pod(shell('exec /busybox sleep 3600', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })),
  volumes: [{ name: 'data', ...volume }],
})

const cases: Readonly<Record<string, Case>> = {
  'a new pod that crashes three times while the old ones are sound': {
    before: deployment(pod(sound)),
    release: deployment(pod(crash), unhurried),
    expected: release(
      'CrashLooping',
      /^Deployment\/web, pod web-\S+, container app: was started anew (?:[3-9]|\d\d+) times; it ended with exit code 3$/,
    ),
    log: /^no database$/,
  },
  'the first release, which crashes': {
    release: deployment(pod(crash), unhurried),
    expected: release('CrashLooping', /exit code 3$/),
  },
  'a pod that crashes, as the old ones begin to': {
    before: deployment({
      ...pod(
        shell('/busybox touch /tmp/ok && exec /busybox sleep 3600', {
          readinessProbe: {
            exec: { command: ['/busybox', 'test', '-f', '/tmp/ok'] },
            periodSeconds: 1,
            failureThreshold: 1,
          },
          volumeMounts: [{ name: 'data', mountPath: '/tmp' }],
        }),
      ),
      volumes: [{ name: 'data', emptyDir: {} }],
    }),
    meanwhile: ({ namespace }) =>
      platform.cluster.exec('kubectl', ['-n', namespace, 'exec', 'deployment/web', '--', '/busybox', 'rm', '/tmp/ok']),
    release: deployment(pod(crash), unhurried),
    expected: environment(
      'OldPodsFailing',
      / (?:[3-9]|\d\d+) times; .*; pod web-\S+ of the release before is not ready$/,
    ),
  },
  'a pod that crashes after many long lines': {
    before: deployment(pod(sound)),
    release: deployment(
      pod(shell('for i in $(/busybox seq 1 60); do printf "%d %0200d\\n" $i 0; done; exit 3')),
      unhurried,
    ),
    expected: release('CrashLooping', /exit code 3$/),
    log: /^59 0{200}\n60 0{200}$/m,
  },
  'a pod that crashes after one line that is longer than what is kept': {
    before: deployment(pod(sound)),
    release: deployment(
      pod(shell('/busybox head -c 40000 /dev/zero | /busybox tr "\\0" x; echo " the end"; exit 3')),
      unhurried,
    ),
    expected: release('CrashLooping', /exit code 3$/),
    log: /x the end$/,
  },
  'an init container that fails': {
    release: deployment({ ...pod(sound), initContainers: [shell('echo migrating; exit 4', { name: 'migrate' })] }),
    expected: release('CrashLooping', /container migrate: .*exit code 4$/),
    log: /^migrating$/,
  },
  'a sidecar that fails beside a sound app': {
    release: deployment({
      ...pod(sound),
      initContainers: [shell('echo proxying; exit 5', { name: 'proxy', restartPolicy: 'Always' })],
    }),
    expected: release('CrashLooping', /container proxy: .*exit code 5$/),
    log: /^proxying$/,
  },
  'a program that is not in the image': {
    release: deployment(pod(shell('', { command: ['/no-such-program'] }))),
    expected: release(
      'CrashLooping',
      /^Deployment\/web, pod web-\S+, container app: was started anew (?:[3-9]|\d\d+) times; it could not be started: .*no-such-program/,
    ),
  },
  'a container that wants more memory than it may have': {
    before: deployment(pod(sound)),
    release: deployment(
      pod(
        shell('echo filling; exec /busybox dd if=/dev/zero of=/dev/null bs=200M count=1', {
          resources: { limits: { memory: '16Mi' } },
        }),
      ),
    ),
    expected: release('OutOfMemory', /killed for want of memory/),
    log: /^filling$/,
  },
  'a key that a bundled ConfigMap lacks': {
    around: [configMap('settings', { a: '1' })],
    release: deployment(pod(env({ configMapKeyRef: { name: 'settings', key: 'b' } }))),
    bundled: ['ConfigMap/settings'],
    expected: release('ConfigError', /ConfigMap\/settings has no key b$/),
  },
  'a key that a ConfigMap of the operator lacks': {
    around: [configMap('settings', { a: '1' })],
    release: deployment(pod(env({ configMapKeyRef: { name: 'settings', key: 'b' } }))),
    expected: environment('ConfigMissing', /ConfigMap\/settings has no key b$/),
  },
  'a Secret that is not there': {
    release: deployment(pod(env({ secretKeyRef: { name: 'database', key: 'password' } }))),
    expected: environment('ConfigMissing', /Secret\/database is not there$/),
  },
  'a ConfigMap that is read whole and is not there': {
    release: deployment(pod(shell('exec /busybox sleep 3600', { envFrom: [{ configMapRef: { name: 'settings' } }] }))),
    expected: environment('ConfigMissing', /ConfigMap\/settings is not there$/),
  },
  'a Secret that is mounted and is not there': {
    release: deployment(mounted({ secret: { secretName: 'database' } })),
    expected: environment('ConfigMissing', /Secret\/database is not there$/),
  },
  'a key of a bundled ConfigMap that is mounted and is not there': {
    around: [configMap('settings', { a: '1' })],
    release: deployment(mounted({ configMap: { name: 'settings', items: [{ key: 'b', path: 'b' }] } })),
    bundled: ['ConfigMap/settings'],
    expected: release('ConfigError', /ConfigMap\/settings has no key b$/),
  },
  'a volume that can not be mounted': {
    release: deployment(mounted({ hostPath: { path: '/no/such/folder', type: 'Directory' } })),
    expected: environment('PodNotStarted', /hostPath type check failed/),
  },
  'a user that the pod itself forbids': {
    release: deployment(pod(shell('true', { securityContext: { runAsNonRoot: true, runAsUser: 0 } }))),
    expected: release('ConfigError', /container's runAsUser breaks non-root policy$/),
  },
  'an image by what is no name': {
    release: deployment(pod({ name: 'app', image: 'Registry/UPPER@nothing' })),
    expected: release('ImageNameInvalid', /"Registry\/UPPER@nothing" is no image reference$/),
  },
  'an image that must not be pulled and is not there': {
    release: deployment(pod({ name: 'app', image: 'windlass.local/none:1', imagePullPolicy: 'Never' })),
    expected: environment('ImagePullFailed', /is not present with pull policy of Never/),
  },
  'more CPU than any node has': {
    release: deployment(pod(shell('true', { resources: { requests: { cpu: '1000' } } }))),
    expected: environment('Unschedulable', /Insufficient cpu/),
  },
  'more CPU than the node has, which must take it': {
    release: daemonSet({
      ...pod(shell('true', { resources: { requests: { cpu: '1000' } } })),
      nodeName,
    }),
    expected: environment('PodEvicted', /^DaemonSet\/web, pod web-\S+: OutOfcpu: .*cpu/),
  },
  'pods that write more than their volume may hold': {
    before: deployment(pod(sound)),
    release: deployment(
      {
        ...pod(
          shell('/busybox dd if=/dev/zero of=/data/big bs=1M count=4; exec /busybox sleep 3600', {
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          }),
        ),
        volumes: [{ name: 'data', emptyDir: { sizeLimit: '1Mi' } }],
      },
      unhurried,
    ),
    expected: release(
      'OutOfStorage',
      /^Deployment\/web, pod web-\S+: Evicted: Usage of EmptyDir volume "data" exceeds/,
    ),
  },
  'a Deployment that another hand pauses meanwhile': {
    before: deployment(pod(sound)),
    meanwhile: ({ namespace }) =>
      platform.cluster.exec('kubectl', ['-n', namespace, 'rollout', 'pause', 'deployment/web']),
    release: deployment(pod(shell('exec /busybox sleep 3601', neverReady)), unhurried),
    expected: environment('WorkloadPaused', /^Deployment\/web: is paused by kubectl-rollout; /),
  },
  'a quota that is used up': {
    around: [quota({ pods: '1' })],
    before: deployment(pod(sound)),
    release: deployment(pod(shell('exec /busybox sleep 3601'))),
    expected: environment('QuotaExceeded', /^Deployment\/web: .*exceeded quota: quota/),
  },
  'a quota that a StatefulSet meets': {
    around: [quota({ pods: '1' })],
    before: statefulSet(pod(sound)),
    release: statefulSet(pod(sound), { replicas: 2 }),
    expected: environment('QuotaExceeded', /^StatefulSet\/web: .*exceeded quota: quota/),
  },
  'a quota that a DaemonSet meets': {
    around: [quota({ pods: '0' })],
    release: daemonSet(pod(sound)),
    expected: environment('QuotaExceeded', /^DaemonSet\/web: .*exceeded quota: quota/),
  },
  'a quota that wants limits, and a pod without': {
    around: [quota({ 'limits.cpu': '1' })],
    release: deployment(pod(sound)),
    expected: release('PodRefused', /must specify limits\.cpu/),
  },
  'a pod that Pod Security refuses': {
    labels: restricted,
    release: deployment(pod(sound)),
    expected: release('PodRefused', /violates PodSecurity "restricted/),
  },
  'a pod of a StatefulSet that Pod Security refuses': {
    labels: restricted,
    release: statefulSet(pod(sound)),
    expected: release('PodRefused', /^StatefulSet\/web: .*violates PodSecurity "restricted/),
  },
  'a pod that exceeds a LimitRange': {
    around: [
      {
        apiVersion: 'v1',
        kind: 'LimitRange',
        metadata: { name: 'most' },
        spec: { limits: [{ type: 'Container', max: { memory: '16Mi' } }] },
      },
    ],
    release: deployment(pod(shell('true', { resources: { limits: { memory: '32Mi' } } }))),
    expected: release('PodRefused', /maximum memory usage per Container is 16Mi/),
  },
  'a pod whose account is not there': {
    release: deployment({ ...pod(sound), serviceAccountName: 'nobody' }),
    expected: environment('ConfigMissing', /ServiceAccount\/nobody is not there/),
  },
  'a pod that crashes, of a StatefulSet': {
    before: statefulSet(pod(sound), { replicas: 2 }),
    release: statefulSet(pod(crash), { replicas: 2 }),
    expected: release('CrashLooping', /^StatefulSet\/web, pod web-1, container app/),
    log: /^no database$/,
  },
  'a pod that crashes, of a DaemonSet': {
    before: daemonSet(pod(sound)),
    release: daemonSet(pod(crash)),
    expected: release('CrashLooping', /^DaemonSet\/web, pod web-\S+, container app/),
    log: /^no database$/,
  },
}

t.jobs = 10
t.test('a Deployment that gives up by its own deadline: it has failed', { buffered: true }, async (t) => {
  const scene = await setScene(t, cluster)
  const [web] = await scene.apply(
    deployment(pod(shell('exec /busybox sleep 3600', neverReady)), { progressDeadlineSeconds: 5 }),
  )
  if (web === undefined) throw new Error('nothing was applied')
  const health = async () => healthOf(await scene.read(web))
  await waitFor(
    async () => (await health()).state === 'failed' || undefined,
    async () => `it to have failed: ${JSON.stringify(await health())}`,
    { timeoutMs: 120_000 },
  )
  t.match(await health(), { state: 'failed', message: 'exceeded its progress deadline' })
})
for (const [name, one] of Object.entries(cases))
  t.test(`${name}: ${one.expected.reason}`, { buffered: true }, (t) => play(t, one))

async function play(t: Test, { labels, around = [], before, meanwhile, release, bundled, expected, log }: Case) {
  const scene = await setScene(t, cluster, labels)
  await scene.apply(...around)
  if (before !== undefined) await scene.untilReady(...(await scene.apply(before)))
  const sinceMs = Date.now()
  const workloads = await scene.apply(release)
  await meanwhile?.(scene)
  const seen = await scene.watch({
    workloads,
    sinceMs,
    ...(bundled !== undefined && { bundled }),
    until: ({ fault }) =>
      fault?.reason === expected.reason && fault.isFinal === expected.isFinal && expected.message.test(fault.message),
  })
  const last = seen.at(-1)
  t.match(last?.fault, expected)
  const wrong = seen.filter(({ fault }) => fault?.isFinal === true && fault.reason !== expected.reason)
  t.same(wrong, [], 'nothing else was final on the way')
  t.equal(last?.blind, undefined, 'all could be looked at')
  if (log === undefined) return
  const lines = await scene.lastLog(last)
  t.match(lines, log)
  t.ok(Buffer.byteLength(lines ?? '') <= maxLogBytes, 'no more than is kept')
}
