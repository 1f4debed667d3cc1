// `npm run bench -- poll [--json]`: what an unchanged poll costs, whatever the number of tags; and that other tags
// which were pushed after a release do not hide it.
import { createHash } from 'node:crypto'
import { AcrTagSource, defaultAudience, defaultLimits } from '../src/registry/acr.ts'
import { mediaTypes } from '../src/registry/oci.ts'
import { RegistryConnection } from '../src/registry/registry-connection.ts'
import type { TagHead } from '../src/registry/tag-source.ts'
import { argumentsOrExit } from './bench-arguments.ts'
import { formatTable } from './figures-table.ts'
import { startBenchRegistry, type BenchRegistry } from './poll-registry.ts'
import { smallConfig, smallImage } from './small-image.ts'

interface Row {
  readonly tags: number
  readonly requestsPerPoll: number
  readonly bytesPerPoll: number
  readonly cpuMsPerPoll: number
}

const sizes = [10, 10_000]
const polls = 200
const otherTags = 50
const pushesAtOnce = 32
const forever = new AbortController().signal
const unlimited = {
  ...defaultLimits,
  requests: { perMinute: 6_000_000, burst: 100_000 },
  concurrency: pushesAtOnce,
  timeoutMs: 60_000,
}

const { json } = argumentsOrExit('poll', {})
const registry = await startBenchRegistry(say)
try {
  const rows: Row[] = []
  for (const tags of sizes) rows.push(await measure(registry, tags))
  print(rows)
  if (json) console.log(JSON.stringify({ bench: 'poll', rows }))
} finally {
  await registry.stop()
}

async function measure(registry: BenchRegistry, tags: number): Promise<Row> {
  const name = `bench/tags-${tags}`
  const repository = `${registry.host}/${name}`
  const publisher = connectAsPublisher(registry)
  say(`pushing ${tags} tags`)
  const shas = Array.from({ length: tags }, (_, i) => createHash('sha1').update(`${tags}-${i}`).digest('hex'))
  await pushAll(publisher, name, shas)
  const held = await registry.countTags(name)
  if (held !== tags) throw new Error(`the registry behind holds ${held} tags, not ${tags}`)

  say(`polling ${polls} times`)
  const source = new AcrTagSource({
    registries: [registry.host],
    credential: registry.reader,
    dispatcher: registry.dispatcher,
    limits: unlimited,
  })
  try {
    const first = await source.scan({ repository, matches: isRelease }, forever)
    if (first.kind !== 'changed' || first.tags.length === 0) throw new Error(`the first poll answered ${first.kind}`)
    const row = await measurePolls(registry, source, repository, first.head)
    await findBehindOthers(publisher, source, name, repository, first.head)
    return { tags, ...row }
  } finally {
    source.close()
  }
}

async function measurePolls(
  { admin }: BenchRegistry,
  source: AcrTagSource,
  repository: string,
  head: TagHead,
): Promise<Omit<Row, 'tags'>> {
  const poll = async () => {
    const scan = await source.scan({ repository, matches: isRelease, head }, forever)
    if (scan.kind !== 'unchanged') throw new Error(`a poll answered ${scan.kind}, though nothing changed`)
  }
  // Until the machine code of the path is made.
  for (let i = 0; i < polls; i += 1) await poll()
  const after = await admin.lastRequest()
  const before = process.cpuUsage()
  for (let i = 0; i < polls; i += 1) await poll()
  const { user, system } = process.cpuUsage(before)
  const requests = await admin.requests({ after })
  return {
    requestsPerPoll: requests.length / polls,
    bytesPerPoll: Math.round(requests.reduce((sum, { bytesSent }) => sum + bytesSent, 0) / polls),
    cpuMsPerPoll: Math.round((user + system) / 10 / polls) / 100,
  }
}

/** A release, then other tags: the next poll finds the release, and those others alone would not have shown it. */
async function findBehindOthers(
  publisher: RegistryConnection,
  source: AcrTagSource,
  name: string,
  repository: string,
  head: TagHead,
): Promise<void> {
  say(`looking for a release behind ${otherTags} other tags`)
  const release = createHash('sha1').update(`${name} release`).digest('hex')
  await pushAll(publisher, name, [release])
  for (let i = 0; i < otherTags; i += 1) await pushAll(publisher, name, [`pr-${i}`])
  const scan = await source.scan({ repository, matches: isRelease, head }, forever)
  const isFound = scan.kind === 'changed' && scan.tags[0]?.name === release && scan.head.name === `pr-${otherTags - 1}`
  if (!isFound) throw new Error(`the release behind ${otherTags} other tags was not found: ${JSON.stringify(scan)}`)
}

function connectAsPublisher({ host, publisher, dispatcher }: BenchRegistry): RegistryConnection {
  return new RegistryConnection({
    registry: host,
    credential: publisher,
    dispatcher,
    lifetime: forever,
    limits: unlimited,
    audience: defaultAudience,
  })
}

/** One small image a tag, each with a digest of its own. */
async function pushAll(publisher: RegistryConnection, name: string, tags: readonly string[]): Promise<void> {
  const attempt = { host: publisher.http.registry, action: `push to ${name}` }
  const left = [...tags]
  await publisher.call(name, attempt, forever, async ({ content }) => {
    await content.uploadBlob(smallConfig)
    const pushNext = async () => {
      for (let tag = left.shift(); tag !== undefined; tag = left.shift()) {
        await content.setManifest(smallImage(tag), { tag, mediaType: mediaTypes.ociManifest })
      }
    }
    await Promise.all(Array.from({ length: pushesAtOnce }, pushNext))
  })
}

function isRelease(tag: string): boolean {
  return /^[0-9a-f]{40}$/.test(tag)
}

function print(rows: readonly Row[]): void {
  const columns = ['tags', 'requests/poll', 'bytes/poll', 'CPU ms/poll']
  const cells = rows.map(({ tags, requestsPerPoll, bytesPerPoll, cpuMsPerPoll }) => [
    tags,
    requestsPerPoll,
    bytesPerPoll,
    cpuMsPerPoll,
  ])
  console.log(formatTable(columns, cells))
}

function say(line: string): void {
  console.error(line)
}
