import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { kindWorld } from './testing.ts'
import { engineStopped, node, nodeGone, nodeIp, volume } from './recordings.ts'

const upCommands = [
  'kind delete cluster --name windlass-demo --kubeconfig {state}/demo/kubeconfig',
  'kind create cluster --name windlass-demo --config {state}/demo/kind.yaml --kubeconfig {state}/demo/kubeconfig --wait 3m',
  `docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' ${node}`,
  `docker exec --interactive ${node} tee --append /etc/hosts`,
  `docker exec ${node} kubectl --namespace kube-system get configmap coredns --output json`,
  `docker exec --interactive ${node} kubectl replace --filename -`,
  `docker exec ${node} kubectl --namespace kube-system rollout restart deployment/coredns`,
  `docker exec ${node} kubectl --namespace kube-system rollout status deployment/coredns --timeout=2m`,
  'kind get kubeconfig --internal --name windlass-demo',
  `docker cp ${node}:/usr/bin/kubectl {state}/demo/bin/kubectl`,
]
const ready = `docker exec ${node} kubectl get --raw /readyz`
const [clearing = '', ...making] = upCommands
const name = 'demo'

t.test('up from nothing makes the node, names the registry, and says how to reach it', async (t) => {
  const world = await kindWorld(t)
  const cluster = await world.backend.up({ name })
  t.same(world.ran, upCommands)
  t.match(cluster, {
    name,
    backend: 'kind',
    nodeIp,
    kubeconfig: join(world.state, 'demo', 'kubeconfig'),
    kubectl: join(world.state, 'demo', 'bin', 'kubectl'),
  })
  const inputs = world.calls.flatMap(({ input }) => input ?? [])
  const names = `${nodeIp} registry.windlass.test blobs.windlass.test login.windlass.test`
  t.equal(inputs[0], `${names}\n`)
  const { data, metadata } = JSON.parse(inputs[1] ?? '') as {
    data: { Corefile: string }
    metadata: { resourceVersion: string }
  }
  t.match(data.Corefile, `.:53 {\n    hosts {\n        ${names}\n        fallthrough\n    }\n    errors\n`)
  t.equal(metadata.resourceVersion, '261', 'a change of another hand meanwhile is not lost')
  for (const file of ['cluster.json', 'node-kubeconfig', 'node/pull-credential.json'])
    t.equal((await stat(join(world.state, name, file))).mode & 0o777, 0o600, `${file} is for its owner alone`)
  t.equal((await stat(cluster.auditLog)).mode & 0o777, 0o644, 'the audit log is there before the API server is')
})

t.test('what kind reads pins the node, and gives it our folders, the audit log and the pull credential', async (t) => {
  const world = await kindWorld(t)
  const cluster = await world.backend.up({ name })
  const text = await readFile(join(world.state, name, 'kind.yaml'), 'utf8')
  const { nodes } = parse(text) as { nodes: { image: string; kubeadmConfigPatches: string[]; extraMounts: object[] }[] }
  t.equal(nodes.length, 1)
  t.match(nodes[0]?.image, /^kindest\/node:v1\.36\.\d+@sha256:[0-9a-f]{64}$/)
  const pinned = /k8s\.io\/kubernetes v(1\.\d+)\./.exec(
    await readFile(join(import.meta.dirname, '../go/kubernetes/go.mod'), 'utf8'),
  )
  t.match(nodes[0]?.image, `:v${pinned?.[1]}.`, 'of the minor version that the other backend builds')
  const patches = nodes[0]?.kubeadmConfigPatches.map((patch) => parse(patch) as { kind: string }) ?? []
  t.match(patches, [
    { kind: 'ClusterConfiguration' },
    { kind: 'InitConfiguration' },
    { kind: 'KubeletConfiguration', crashLoopBackOff: { maxContainerRestartPeriod: '2s' } },
  ])
  t.match(JSON.stringify(patches[0]), `{"name":"audit-log-path","value":"${cluster.auditLog}"}`)
  t.match(JSON.stringify(patches[1]), 'image-credential-provider-config')
  t.match(nodes[0]?.extraMounts.at(-1), {
    hostPath: join(world.state, name, 'certs.d'),
    containerPath: '/etc/containerd/certs.d',
    readOnly: true,
  })
})

t.test('up again finds that it is up', async (t) => {
  const world = await kindWorld(t)
  const first = await world.backend.up({ name })
  const before = world.ran.length
  const second = await world.backend.up({ name })
  t.same(world.ran.slice(before), [ready])
  t.same(JSON.stringify(second), JSON.stringify(first))
  t.same(await world.backend.names(), [name])
  await t.rejects(world.backend.up({ name, mustBeNew: true }), {
    name: 'ClusterIsUpError',
    message: /down --name demo --backend kind$/,
  })
  t.match(await world.backend.find(name), { name }, "another's is left alone")
})

t.test('up after a half-done one, or one whose node is gone, clears and makes it anew', async (t) => {
  const halfDone = await kindWorld(t)
  await mkdir(join(halfDone.state, name, 'audit'), { recursive: true })
  await halfDone.backend.up({ name })
  t.same(halfDone.ran, upCommands, 'what a killed command left is not taken for a cluster')

  const gone = await kindWorld(t)
  await gone.backend.up({ name })
  gone.failures.push(nodeGone(ready))
  const before = gone.ran.length
  t.equal(await gone.backend.find(name), undefined)
  await gone.backend.up({ name })
  t.same(gone.ran.slice(before), [ready, ready, ...upCommands])
})

t.test('whichever command of up fails, it says what to do, leaves nothing, and the next up succeeds', async (t) => {
  for (const [index, failing] of making.entries()) {
    const world = await kindWorld(t)
    world.failures.push(engineStopped(failing))
    await t.rejects(
      world.backend.up({ name }),
      { message: /ended with 1[^]*To mend: start the Docker engine/ },
      failing,
    )
    t.same(world.ran, [clearing, ...making.slice(0, index + 1), clearing], 'what was made is cleared')
    t.same(await world.backend.names(), [])
    t.same(await (await world.backend.leftovers(name))(), [])

    world.failures.length = 0
    await world.backend.up({ name })
    t.match(await world.backend.find(name), { name })
  }
})

t.test('an engine that stops before up, or while it is cleared after a failure, is told', async (t) => {
  const world = await kindWorld(t)
  world.failures.push(engineStopped(clearing))
  await t.rejects(world.backend.up({ name }), /start the Docker engine/)
  world.failures.length = 0
  world.failures.push(engineStopped('docker'), { ...engineStopped('kind delete'), command: 'kind delete never' })
  await t.rejects(world.backend.up({ name }), /start the Docker engine/)

  const both = await kindWorld(t)
  await both.backend.up({ name })
  both.failures.push(nodeGone(ready), engineStopped(clearing))
  await t.rejects(both.backend.up({ name }), { message: /Cannot connect[^]*start the Docker engine/ })
})

t.test('a node without an address of its own is not taken', async (t) => {
  const world = await kindWorld(t)
  world.failures.push({ command: 'docker inspect', exitCode: 0, stdout: '' })
  await t.rejects(world.backend.up({ name }), /it has no address of its own, but ''/)
  t.equal(world.ran.at(-1), clearing)
})

t.test('interrupted while kind makes the node, it clears all the same', async (t) => {
  const world = await kindWorld(t)
  const interruption = new AbortController()
  const onStep = (step: string): void => {
    if (step.startsWith('naming')) interruption.abort(new Error('interrupted by SIGINT'))
  }
  await t.rejects(world.backend.up({ name, signal: interruption.signal, onStep }), /interrupted by SIGINT/)
  t.equal(world.ran.at(-1), clearing)
  t.equal(world.signals.at(-1), false, 'what clears is not ended by the interruption')
  t.same(await world.backend.names(), [])
})

t.test('down leaves nothing, in each state, and another time too', async (t) => {
  const world = await kindWorld(t)
  await world.backend.down({ name })
  t.same(world.ran, [clearing], 'of what was never there')

  await world.backend.up({ name })
  const left = await world.backend.leftovers(name)
  t.same(await left(), [`container ${node}`, `volume ${volume}`, `folder ${join(world.state, name)}`], 'while it is up')
  await world.backend.down({ name })
  t.same(await left(), [])
  t.same(await readdir(world.state), [], 'no lock either')

  await mkdir(join(world.state, name, 'audit'), { recursive: true })
  await world.backend.down({ name })
  t.same(await (await world.backend.leftovers(name))(), [], 'of a half-done one')
})

t.test('down with an engine that does not answer fails, and keeps what tells of the cluster', async (t) => {
  const world = await kindWorld(t)
  await world.backend.up({ name })
  world.failures.push(engineStopped('kind delete'))
  await t.rejects(world.backend.down({ name }), {
    message: /^kind delete cluster[^]*Cannot connect to the Docker daemon[^]*To mend: start the Docker engine/,
  })
  t.same(await world.backend.names(), [name])
  world.failures.length = 0
  await world.backend.down({ name })
  t.same(await world.backend.names(), [])
})

t.test('each thing that is left of a cluster is found', async (t) => {
  const world = await kindWorld(t)
  await world.backend.up({ name })
  const left = await world.backend.leftovers(name)
  await rm(join(world.state, name), { recursive: true })
  t.same(await left(), [`container ${node}`, `volume ${volume}`])
  t.same(await left(), [`container ${node}`, `volume ${volume}`], 'as long as they are there')
  world.failures.push(engineStopped('docker volume'))
  await t.rejects(left(), /start the Docker engine/, 'an engine that does not answer has not said that nothing is left')
})

t.test('a name that can not be one is refused before anything is run', async (t) => {
  const world = await kindWorld(t)
  for (const bad of ['', 'A', '-a', 'a/b', 'a'.repeat(41)]) {
    await t.rejects(async () => world.backend.up({ name: bad }), /can't name a cluster/)
    await t.rejects(async () => world.backend.down({ name: bad }), /can't name a cluster/)
  }
  t.same(world.ran, [])
})
