import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { Platform } from './platform.ts'
import { findPlatform, platformDown, platformUp } from './platform.ts'

/** Environment of a test run that has brought up one platform for all of its files. */
export const sharedClusterEnv = 'WINDLASS_TEST_CLUSTER'

/** Repositories that tests push to and deliver from. */
export const testRepositories = ['e2e/*']

/** The platform that the test run has brought up, or one of the test's own that goes down with it. */
export async function sharedPlatform(t: Test): Promise<Platform> {
  const shared = process.env[sharedClusterEnv]
  const platform = shared === undefined ? await ownPlatform(t) : await findPlatform(shared)
  if (platform === undefined) throw new Error(`cluster ${shared} of ${sharedClusterEnv} is not up`)
  t.teardown(() => platform.close())
  return platform
}

async function ownPlatform(t: Test): Promise<Platform> {
  const name = `test-${randomBytes(3).toString('hex')}`
  t.teardown(() => platformDown({ name }))
  return platformUp({
    name,
    delivered: testRepositories,
    recordsConnections: true,
    onStep: (step) => t.comment(step),
  })
}
