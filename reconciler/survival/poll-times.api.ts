import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { sharedApiServer } from '../../bootstrap/local/testing.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { testCluster } from '../src/kube/test-cluster.ts'
import { startStandIn } from '../src/registry/test-stand-in.ts'
import { DeliveryHints } from './delivery-hints.ts'
import { FaultRun } from './fault-run.ts'
import { installClusterWide } from './installation.ts'
import { bundleReconciler } from './reconciler-process.ts'

/** A schedule is read in its time zone: the program as a process, the witness is what the registry was asked. */
t.setTimeout(240_000)

const cluster = testCluster(t, await sharedApiServer(t))
await installClusterWide(cluster)
const program = await bundleReconciler(t)
const hints = await DeliveryHints.open(t, cluster)

/** 5 h 45 min ahead of UTC all the year, so that no minute of the one is the same minute of the other. */
const timeZone = 'Asia/Kathmandu'
const watchedMs = 5_000

// Most of the time is spent waiting.
t.jobs = 2

for (const [zone, isPolled] of [
  [timeZone, true],
  ['UTC', false],
] as const) {
  const what = isPolled ? 'is polled by it' : 'is not polled in those of another'
  t.test(
    `a Delivery with a schedule of these minutes in ${timeZone}, read in ${zone}, ${what}`,
    { buffered: true },
    async (t) => {
      const run = await FaultRun.prepare(t, { cluster, program, hints, standIn: await startStandIn(t) }, 'zone')
      await run.start()
      await run.pushColor(1, 'blue')
      await run.createDelivery({ poll: { schedule: `* ${minutes()} * * * *`, timeZone: zone } })
      await run.release('r1')

      const { requests } = run.lab.standIn.registry
      const after = requests.last
      const polls = () => requests.query({ after, path: '/_tags$' }).length
      if (isPolled)
        await waitFor(
          async () => polls() >= 3 || undefined,
          () => `three polls, not ${polls()}`,
          { timeoutMs: 30_000 },
        )
      else {
        await sleep(watchedMs)
        t.equal(polls(), 0, 'none but the first, which waits for no schedule')
      }
      await run.pushColor(2, 'green')
      if (!isPolled) await run.web.annotate({ 'windlass.dev/reconcile-requested-at': 'now' })
      await run.release('r2')
      t.ok(isPolled || polls() > 0, 'who asks for it has it polled at once')
    },
  )
}

/** The minute that it is there, and those of the time that the test may take, as cron writes them. */
function minutes(): string {
  const now = Number(new Intl.DateTimeFormat('en', { timeZone, minute: 'numeric' }).format(new Date()))
  return Array.from({ length: 10 }, (_, n) => (now + n) % 60).join(',')
}
