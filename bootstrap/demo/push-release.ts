import { type PushedRelease, releasePredictor } from '../local/release.ts'
import { changes, type ReleaseName } from './changes.ts'
import { type DemoContext, platformOf, scratchOf } from './context.ts'
import type { Report } from './operator.ts'

/** Commits, builds, pushes by digest, attaches, tags: what a developer and CI do. The cluster does the rest. */
export async function pushRelease(context: DemoContext, name: ReleaseName, report: Report): Promise<PushedRelease> {
  const { signal, releases } = context
  const scratch = scratchOf(context)
  const change = changes[name]
  const { sha, created } = change === undefined ? await scratch.head() : await scratch.commit(change)
  report(`commit ${shortSha(sha)}${change === undefined ? '' : `, "${change.message}"`}: building the image`)
  const release = await releasePredictor({
    platform: platformOf(context),
    source: scratch.path,
    sha,
    created,
    sequence: releases.size + 1,
    isIndex: releases.size > 0,
    signal,
    onStep: report,
  })
  releases.set(name, release)
  report(`pushed ${shortSha(sha)} as ${release.digest.slice(0, 19)}; now nobody touches the cluster`)
  return release
}

export function shortSha(sha: string): string {
  return sha.slice(0, 7)
}
