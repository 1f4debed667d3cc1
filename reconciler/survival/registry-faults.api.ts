import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { FaultInput } from '../../bootstrap/local/registry/control/faults.ts'
import { sharedApiServer } from '../../bootstrap/local/testing.ts'
import { testCluster } from '../src/kube/test-cluster.ts'
import { pushImage, startStandIn } from '../src/registry/test-stand-in.ts'
import { setTag, readPushedImage } from '../src/registry/bundle-push.ts'
import { DeliveryHints } from './delivery-hints.ts'
import { FaultRun } from './fault-run.ts'
import { installClusterWide } from './installation.ts'
import { bundleReconciler } from './reconciler-process.ts'
import { RequestTally, triesWithin } from './request-tally.ts'

/**
 * A registry that fails in every way that the stand-in knows, as a release comes: the program as a process, polling every
 * second. Whatever fails, nothing is decided, and the release comes by itself once it is over.
 */
t.setTimeout(1_150_000)

const cluster = testCluster(t, await sharedApiServer(t))
await installClusterWide(cluster)
const program = await bundleReconciler(t)
const hints = await DeliveryHints.open(t, cluster)

const watchedMs = 4_000
const retryAfterS = 3

interface Case {
  readonly fault: FaultInput
  /** What status says of it; nothing where the release comes all the same. */
  readonly told?: string
  /** The most requests that one try costs, tokens included, */
  readonly mostOfTry: number
  /** and the most tries in that time. */
  readonly mostTries: (lastedMs: number) => number
  /** The release comes while the process is down, so that it has no token when it comes to read it. */
  readonly isWithoutToken?: boolean
  /** So many other tags are pushed after it. */
  readonly othersAfter?: number
}

const everyPoll = (lastedMs: number) => 1 + Math.ceil(lastedMs / 1_000)
const pollBackedOff = (lastedMs: number) => triesWithin(lastedMs, 1_000)
const releaseBackedOff = (lastedMs: number) => triesWithin(lastedMs, 250)
const asAsked = (lastedMs: number) => 1 + Math.floor(lastedMs / (retryAfterS * 1_000))
const status = (status: number, retryAfterSeconds?: number) =>
  ({ kind: 'status', status, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) }) as const
const [tags, manifests, referrers, blobs] = [
  { path: '/_tags$' },
  { path: '/manifests/' },
  { path: '/referrers/' },
  { host: 'blobs' },
] as const

const unavailable = { told: 'RegistryUnavailable', mostOfTry: 1, mostTries: pollBackedOff } as const
const invalid = { ...unavailable, told: 'RegistryInvalidAnswer' } as const
/** Tried again with all that is read of a release, its tag, its referrers and its bundle, beside the polls. */
const unreadable = { told: 'RegistryUnavailable', mostOfTry: 9, mostTries: releaseBackedOff } as const

const cases: Readonly<Record<string, Case>> = {
  'lists no tags, for 401': {
    fault: { match: tags, effect: status(401) },
    told: 'RegistryUnauthorized',
    mostOfTry: 6,
    mostTries: everyPoll,
  },
  'lists no tags, for 403': {
    fault: { match: tags, effect: status(403) },
    told: 'RegistryForbidden',
    mostOfTry: 6,
    mostTries: everyPoll,
  },
  'lists no tags, for 404': {
    fault: { match: tags, effect: status(404) },
    told: 'RepositoryNotFound',
    mostOfTry: 1,
    mostTries: everyPoll,
  },
  'lists no tags, for 429 with Retry-After': {
    fault: { match: tags, effect: status(429, retryAfterS) },
    told: 'RegistryThrottled',
    mostOfTry: 1,
    mostTries: asAsked,
  },
  'lists no tags, for 503 with Retry-After': {
    ...unavailable,
    fault: { match: tags, effect: status(503, retryAfterS) },
    mostTries: asAsked,
  },
  'lists no tags, for 500': { ...unavailable, fault: { match: tags, effect: status(500) } },
  'resets the connection': { ...unavailable, fault: { match: tags, effect: { kind: 'reset' } } },
  'does not answer': { ...unavailable, fault: { match: tags, effect: { kind: 'stall', after: 'nothing' } } },
  'stops in the midst of an answer': {
    ...unavailable,
    fault: { match: tags, effect: { kind: 'stall', after: 'half' } },
  },
  'breaks off its answer': { ...unavailable, fault: { match: tags, effect: { kind: 'truncate' } } },
  'lists half a JSON': { ...invalid, fault: { match: tags, effect: { kind: 'malformed' } } },
  'fails from the second page on': {
    ...unavailable,
    fault: { match: tags, skip: 1, effect: status(500) },
    mostOfTry: 2,
    othersAfter: 6,
  },
  'lists a page without the link to the next': {
    fault: { match: tags, effect: { kind: 'dropLink' } },
    mostOfTry: 12,
    mostTries: everyPoll,
    othersAfter: 6,
  },
  // One poll at a time, and beside it what is read of the release.
  'is slow': { fault: { match: {}, effect: { kind: 'delay', ms: 1_000 } }, mostOfTry: 2, mostTries: everyPoll },
  'fails to tell what a new tag names': {
    ...unavailable,
    fault: { match: manifests, effect: status(500) },
    mostOfTry: 2,
  },
  'has no manifest of a new tag': { ...invalid, fault: { match: manifests, effect: status(404) }, mostOfTry: 2 },
  'breaks off a manifest': { ...unavailable, fault: { match: manifests, effect: { kind: 'truncate' } }, mostOfTry: 2 },
  'fails to tell what is attached': { ...unreadable, fault: { match: referrers, effect: status(500) } },
  'tells half of what is attached': {
    ...unreadable,
    fault: { match: referrers, effect: { kind: 'malformed' } },
    told: 'RegistryInvalidAnswer',
  },
  'answers 503 for blobs': { ...unreadable, fault: { match: blobs, effect: status(503) } },
  'breaks off a blob': { ...unreadable, fault: { match: blobs, effect: { kind: 'truncate' } } },
  'gives no token, for 429': {
    fault: { match: { path: '/oauth2/token$' }, effect: status(429, retryAfterS) },
    told: 'RegistryThrottled',
    mostOfTry: 5,
    mostTries: asAsked,
    isWithoutToken: true,
  },
  'exchanges no token, for 503': {
    ...unavailable,
    fault: { match: { path: '/oauth2/exchange$' }, effect: status(503) },
    mostOfTry: 6,
    isWithoutToken: true,
  },
  'stands behind an Entra ID that answers 503': {
    ...unavailable,
    fault: { match: { host: 'entra' }, effect: status(503) },
    mostOfTry: 6,
    isWithoutToken: true,
  },
}

// Most of the time is spent waiting.
t.jobs = 4

t.test('429 with Retry-After 30 for two minutes, at a poll every five seconds', { buffered: true }, async (t) => {
  const run = await open(t)
  await run.releaseFirst({ poll: { schedule: '*/5 * * * * *', timeZone: 'UTC' } })
  const before = await run.writesOf('settings')
  const end = await failWith(run, { match: tags, effect: status(429, 30) }, 'stopped')
  await sleep(120_000)
  await staysAsItWas(t, run, before)
  const tally = end()

  t.comment(tally.describe())
  t.ok(tally.total >= 3, 'it is asked again')
  t.ok(tally.total <= 5, `five requests at most: ${tally.describe()}`)
  await run.release('r2')
})

for (const [name, one] of Object.entries(cases)) {
  t.test(`a registry that ${name}`, { buffered: true }, (t) => survive(t, one))
}

async function survive(
  t: Test,
  { fault, told, mostOfTry, mostTries, isWithoutToken, othersAfter }: Case,
): Promise<void> {
  const run = await open(t)
  await run.releaseFirst()
  const before = await run.writesOf('settings')
  const end = await failWith(run, fault, isWithoutToken === true ? 'killed' : 'stopped', othersAfter)

  if (told !== undefined) {
    await run.untilReason(told)
    await sleep(watchedMs)
    await staysAsItWas(t, run, before)
  } else await run.untilAwaited('r2')
  const tally = end()
  const most = mostOfTry * mostTries(tally.lastedMs)
  t.comment(`${told ?? 'no reason'}; ${tally.describe()}; bound ${most}`)
  t.ok(tally.total > 0, 'it was asked')
  t.ok(tally.total <= most, `${most} requests at most: ${tally.describe()}`)

  await run.release('r2')
  t.equal(await run.writesOf('settings'), before + 1, 'the release was written once')
  t.equal(await run.generation(), 2)
}

/** With a registry of its own, so that all that it is asked is asked by this process. */
async function open(t: Test): Promise<FaultRun> {
  return FaultRun.prepare(t, { cluster, program, hints, standIn: await startStandIn(t) }, 'registry')
}

/** A release comes, and the registry fails, before the process sees either; answers what ends that and tells all asked. */
async function failWith(
  run: FaultRun,
  fault: FaultInput,
  how: 'stopped' | 'killed',
  othersAfter = 0,
): Promise<() => RequestTally> {
  const { registry } = run.lab.standIn
  const tally = new RequestTally()
  let after = 0
  await run.unseen(async () => {
    await run.pushColor(2, 'green')
    for (let n = 1; n <= othersAfter; n += 1) await pushOther(run, `x${n}`)
    registry.faults.add(fault)
    after = registry.requests.last
  }, how)
  return () => {
    tally.end()
    for (const { method, path, status } of registry.requests.query({ after }))
      tally.count(`${method} ${path} ${status}`)
    registry.faults.clearAll()
    return tally
  }
}

async function pushOther({ repository, lab: { standIn } }: FaultRun, tag: string): Promise<void> {
  const publisher = standIn.publisher()
  const { signal } = new AbortController()
  const image = await readPushedImage(publisher, repository, await pushImage(publisher, repository, tag), signal)
  await setTag(publisher, repository, tag, image, signal)
}

/** By the cluster, not by its word; `before` is how often it was written before. */
async function staysAsItWas(t: Test, run: FaultRun, before: number): Promise<void> {
  t.equal(await run.generation(), 1, 'the running release stays')
  t.equal(await run.writesOf('settings'), before, 'nothing is written')
  t.match(await run.web.delivery(), { status: { current: { tag: 'r1' } } })
}
