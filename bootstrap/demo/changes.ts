import type { Change } from './scratch-repository.ts'

/** The story's releases, in their order. */
export type ReleaseName = 'first' | 'second' | 'bad' | 'crashing' | 'held' | 'last'

const server = 'predictor/src/server.ts'

/** What each release changes in the predictor; the first is what is checked out. */
export const changes: Readonly<Record<ReleaseName, Change | undefined>> = {
  first: undefined,
  second: {
    message: 'Say what the predictor is for',
    file: 'predictor/README.md',
    edit: (text) => `${text}\nIts prices are simulated: nothing here is advice.\n`,
  },
  // It starts, it is live, and it waits for what never comes.
  bad: {
    message: 'Be ready only when prices are warm',
    file: server,
    edit: (text) => `${text}\n// Ready once prices are warm.\nlifecycle.beginDraining()\n`,
  },
  // Imports are hoisted, so that this is what the program does first.
  crashing: {
    message: 'Take prices from the feed',
    file: server,
    edit: (text) => `if (!process.env['PRICE_FEED_URL']) throw new Error('PRICE_FEED_URL must be set')\n${text}`,
  },
  held: {
    message: 'Say who answers for the predictor',
    file: 'predictor/README.md',
    edit: (text) => `${text}\nAsk the platform team.\n`,
  },
  // Another name is another object: once this release is ready, the old one is to be deleted.
  last: {
    message: 'Name the disruption budget by what it keeps',
    file: 'manifests/predictor/release/poddisruptionbudget-predictor.yaml',
    edit: (text) => text.replace(/^( {2}name: )predictor$/m, `$1${budgets.after}`),
  },
}

/** The disruption budget before the last release, and after it. */
export const budgets = { before: 'predictor', after: 'predictor-available' } as const
