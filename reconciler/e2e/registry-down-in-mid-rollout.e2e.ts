import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { installMissing } from '../../bootstrap/local/debian.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { conditionOf } from '../src/runtime/test-loop.ts'
import { triesWithin } from '../survival/request-tally.ts'
import { LiveDelivery, type StagedImage } from './live-delivery.ts'
import { openStage } from './rollout-scene.ts'

/** The environment's fault passes: the kubelet tries again, the reconciler waits, and the release completes. */
t.setTimeout(600_000)
const platform = await sharedPlatform(t)
await installMissing(['busybox-static'], {})
const cluster = openStage(t, platform)
const { admin } = platform.registry

type FaultInput = Parameters<typeof admin.addFault>[0]

const failsForMs = 60_000
const hex = ({ layer }: StagedImage) => layer.replace(/^sha256:/, '')

interface Case {
  /** From before the node pulls: what is pulled last. */
  readonly first: (repository: string, image: StagedImage) => FaultInput
  /** From the time on at which the node has met that. */
  readonly later?: (repository: string) => FaultInput
}

const cases: Readonly<Record<string, Case>> = {
  'blobs that answer 503 for a minute': {
    first: (_, image) => ({ match: { host: 'blobs', path: hex(image) }, effect: { kind: 'status', status: 503 } }),
  },
  'a registry that is down for a minute': {
    first: (repository, image) => ({
      match: { repository, path: hex(image), method: 'GET' },
      effect: { kind: 'reset' },
    }),
    later: (repository) => ({ match: { repository }, effect: { kind: 'reset' } }),
  },
}

t.jobs = 2
for (const [name, one] of Object.entries(cases)) {
  t.test(`${name}, in mid-rollout: the release completes`, { buffered: true }, (t) => play(t, one))
}

async function play(t: Test, { first, later }: Case): Promise<void> {
  const live = await LiveDelivery.create(platform, cluster, 'down')
  t.teardown(() => live.remove())
  const { repository } = live
  const old = await live.stage()
  await live.tag(old, 'r1')
  await live.untilRuns('r1')

  const next = await live.stage()
  const faults = [await admin.addFault(first(repository, next))]
  t.teardown(async () => {
    for (const id of faults) await admin.clearFault(id)
  })
  await live.tag(next, 'r2')
  await live.until('the pull to fail', (delivery) => {
    const { reason, message = '' } = conditionOf(delivery, 'Ready') ?? {}
    return reason === 'RolloutProgressing' && message.includes('ImagePullFailed')
  })
  if (later !== undefined) faults.push(await admin.addFault(later(repository)))
  const after = await admin.lastRequest()
  const fromMs = performance.now()
  await sleep(failsForMs)
  const during = await live.web.delivery()
  const tags = await admin.requests({ after, repository, path: '/_tags$' })
  const pulls = (await admin.requests({ after })).filter(({ fault }) => faults.includes(fault ?? ''))
  const lastedMs = performance.now() - fromMs
  t.comment(`in ${Math.round(lastedMs / 1000)} s: ${tags.length} polls, ${pulls.length} requests met the fault`)

  t.match(during.status, { current: { tag: 'r1' }, rollout: { phase: 'Waiting', revision: { tag: 'r2' } } })
  t.same(await live.runningDigests(), [old.digest], 'the release before serves meanwhile')
  const most = later === undefined ? 1 + lastedMs / 2_000 : triesWithin(lastedMs, 1_000)
  t.ok(tags.length <= most, `${tags.length} polls, ${most} at most`)
  for (const id of faults.splice(0)) await admin.clearFault(id)
  const { status } = await live.untilRuns('r2')

  t.same(await live.runningDigests(), [next.digest])
  t.same(
    status?.history?.map(({ tag, outcome }) => `${tag} ${outcome}`),
    ['r2 Ready', 'r1 Ready'],
    'none failed, and nothing was gone back from',
  )
  t.same(status?.quarantine ?? [], [])
  t.equal((await live.web.object('apps/v1/deployments/web'))?.metadata.generation, 2, 'it was changed once')
}
