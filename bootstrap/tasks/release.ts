// `npm run release -- predictor|reconciler`: the whole release of the commit that is checked out, in the steps of the
// workflow, to the registry of a cluster on this machine, as CI's identity there.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { platform as names } from '../local/backend.ts'
import { checkout } from '../local/checkout.ts'
import { asCiJob } from '../local/ci-job.ts'
import { cacheDir } from '../local/paths.ts'
import { findPlatform } from '../local/platform.ts'
import { buildRelease } from '../release/build-release.ts'
import { readCommit } from '../release/commit.ts'
import { isReleasable, releasables, type Releasable } from '../release/releasable.ts'
import { releaseLayout } from '../release/release-steps.ts'

interface Options {
  readonly name: string
  readonly sequence: string
}

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)))
}
const { signal } = interruption
const say = (line: string): void => console.log(line)

await new Command('release')
  .description('Release the commit that is checked out to the registry of a cluster on this machine.')
  .argument('<program>', Object.keys(releasables).join('|'))
  .option('--name <cluster>', 'whose registry', 'local')
  .option('--sequence <number>', 'a whole number that only grows; seconds since 1970 if not given', secondsNow())
  .showHelpAfterError()
  .action(release)
  .parseAsync()

async function release(name: string, options: Options): Promise<void> {
  try {
    await releaseTo(name, options)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}

async function releaseTo(name: string, { name: cluster, sequence }: Options): Promise<void> {
  if (!isReleasable(name)) throw new Error(`There is no program '${name}'.`)
  if (!/^[1-9]\d{0,14}$/.test(sequence)) throw new Error(`'${sequence}' is not a whole number above zero.`)
  const commit = await readCommit(checkout, signal)
  const platform = await findPlatform(cluster)
  if (platform === undefined) throw new Error(`Cluster ${cluster} is not up; type: npm run cluster -- up`)
  const folder = await mkdtemp(join(cacheDir('images', 'tmp'), 'release-'))
  try {
    const out = join(folder, 'layout')
    const given = { root: checkout, name, commit, sequence: Number(sequence), out, signal, onStep: say }
    const { layout } = await buildRelease({ ...given, builder: { kind: 'buildah' } })
    const { repository, delivered }: Releasable = releasables[name]
    const to = `${names.registryHost}/${repository}`
    const steps = { layout, to, revision: commit.sha, ...(delivered && { delivered: absolute(delivered) }) }
    const digest = await asCiJob(platform, signal, (windlass) => releaseLayout(windlass, steps, say))
    say(`released ${to}:${commit.sha} as ${digest}; it was neither scanned nor signed, which only GitHub's runners do`)
  } finally {
    await platform.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function absolute(delivered: NonNullable<Releasable['delivered']>): NonNullable<Releasable['delivered']> {
  return { ...delivered, manifests: join(checkout, delivered.manifests) }
}

function secondsNow(): string {
  return String(Math.floor(Date.now() / 1000))
}
