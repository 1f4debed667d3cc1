/** The steps of `.github/workflows/release.yml`, as CI's identity, and what the reconciler makes of them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { deployTenant, readMoved } from '../../reconciler/e2e/delivered.ts'
import { openStage } from '../../reconciler/e2e/rollout-scene.ts'
import { imageOf } from '../../reconciler/e2e/test-releases.ts'
import type { KubeObject } from '../../reconciler/src/kube/ports.ts'
import { makeScratchRepository } from '../demo/scratch-repository.ts'
import { checkout } from '../local/checkout.ts'
import { asCiJob } from '../local/ci-job.ts'
import { CommandFailed } from '../local/run.ts'
import { sharedPlatform } from '../local/testing-platform.ts'
import { buildRelease } from './build-release.ts'
import { releaseLayout } from './release-steps.ts'

t.setTimeout(600_000)
const platform = await sharedPlatform(t)
const cluster = openStage(t, platform)
const { signal } = cluster

t.test('what the steps of the workflow make is deployed, and its tag can not be moved', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'windlass-release-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const scratch = await makeScratchRepository(checkout, join(folder, 'source'), signal)
  const out = join(folder, 'layout')
  const built = { root: scratch.path, name: 'predictor', out, builder: { kind: 'buildah' }, signal } as const
  const commit = await scratch.head()
  const { root } = await buildRelease({ ...built, commit, sequence: 1 })

  const tenant = await deployTenant(cluster, 'released', {})
  await tenant.patchDelivery({ spec: { image: { tags: '^[0-9a-f]{40}$' } } })
  const to = imageOf(tenant.repository)
  const manifests = await mkdtemp(join(folder, 'manifests-'))
  for (const object of await readMoved('release', tenant.namespace)) {
    const file = `${object.kind}-${object.metadata.name}.json`.toLowerCase()
    await writeFile(join(manifests, file), JSON.stringify(withImage(object, to)))
  }
  const { namespace } = tenant
  const delivered = { manifests, namespace, serviceAccount: 'predictor-deployer' }
  const release = { layout: out, to, revision: commit.sha, delivered }
  const digest = await asCiJob(platform, signal, (windlass) => releaseLayout(windlass, release))
  t.equal(digest, root.digest, 'what was pushed is what was built')

  const { status } = await tenant.untilRuns(commit.sha)
  t.match(status, { current: { tag: commit.sha, digest, sequence: 1 } })

  const next = await buildRelease({ ...built, commit, sequence: 2 })
  t.not(next.root.digest, digest)
  const moving = asCiJob(platform, signal, (windlass) => releaseLayout(windlass, { ...release, layout: next.layout }))
  await t.rejects(moving, CommandFailed)
  await moving.catch((error: unknown) => {
    t.match(error instanceof CommandFailed && error.stderr, /TagMoved: .*the tag of a release does not move/)
  })
  const after = await tenant.untilRuns(commit.sha)
  t.equal(after.status?.current?.digest, digest)
})

function withImage(object: KubeObject, image: string): KubeObject {
  if (object.kind !== 'Deployment') return object
  const spec = object['spec'] as { readonly template: { readonly spec: { readonly containers: readonly object[] } } }
  const containers = spec.template.spec.containers.map((container) => ({ ...container, image }))
  const template = { ...spec.template, spec: { ...spec.template.spec, containers } }
  return { ...object, spec: { ...spec, template } }
}
