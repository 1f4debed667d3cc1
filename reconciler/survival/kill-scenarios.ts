import { operatorAnnotations } from '../src/api/annotations.ts'
import { apiVersion, type DeliverySpec } from '../src/api/delivery.ts'
import { hosts } from '../src/registry/test-stand-in.ts'
import { settings, workload } from '../src/runtime/test-registry.ts'
import type { Run, Scenario } from './kill-run.ts'

/** What a process is killed in; see kill-run.ts. A new one needs a row here and a file that names it. */
export const scenarios = {
  release: {
    name: 'the first release',
    async before(run) {
      await run.push(1, settings({ color: 'blue' }), workload(run.repository))
      await run.createDelivery()
    },
    startsProcess: true,
    async act(run) {
      await run.start()
      await run.release('r1')
    },
  },
  resumption: {
    name: 'a release that a process before has begun',
    async before(run) {
      await run.push(1, settings({ color: 'blue' }), workload(run.repository))
      await run.createDelivery()
      // One of the two objects is there, and status says that both are about to be.
      await run.startUntilWritten('settings')
    },
    startsProcess: true,
    async act(run) {
      await run.start()
      await run.release('r1')
    },
  },
  prune: {
    name: 'a release that holds less than the one before',
    async before(run) {
      await running(run, {}, settings({ color: 'blue' }), settings({ size: 'large' }, 'old'))
    },
    async act(run) {
      await run.push(2, settings({ color: 'green' }), workload(run.repository))
      await run.release('r2')
      await run.untilObject('v1/configmaps/old', (object) => object === undefined)
    },
  },
  pause: {
    name: 'a pause in which a release comes, and its end',
    async before(run) {
      await running(run, {}, settings({ color: 'blue' }))
    },
    async act(run) {
      await run.web.annotate({ [operatorAnnotations.paused]: 'true' })
      await run.until('it to be paused', ({ status }) => status?.summary?.state === 'Paused')
      await run.push(2, settings({ color: 'green' }), workload(run.repository))
      await run.until('r2 to wait', ({ status }) => status?.candidate?.tag === 'r2')
      await run.web.annotate({ [operatorAnnotations.paused]: null })
      await run.release('r2')
    },
  },
  pin: {
    name: 'a pin to the release before',
    async before(run) {
      await running(run, {}, settings({ color: 'blue' }))
      await run.push(2, settings({ color: 'green' }), workload(run.repository))
      await run.release('r2')
      await run.untilTold('r2 runs')
    },
    async act(run) {
      await run.web.annotate({ [operatorAnnotations.pin]: 'r1' })
      await run.release('r1')
    },
  },
  goingBack: {
    name: 'a release that fails and is gone back from',
    async before(run) {
      await running(run, {}, settings({ color: 'blue' }))
    },
    async act(run) {
      await run.push(2, settings({ color: 'green' }), settings({ size: 'large' }, 'added'), workload(run.repository))
      await run.untilAwaited('r2')
      await run.web.fail()
      await run.untilAwaited('r1')
      await run.web.rollOut()
      await run.untilRolledBack()
    },
  },
  adoption: {
    name: 'what kubectl applied is taken over as it runs',
    async before(run) {
      const { digest } = await run.push(1, settings({ color: 'blue' }), workload(run.repository))
      const image = `${hosts.registry}/${run.repository}@${digest}`
      await run.kubectl(['apply', '--filename=-'], [settings({ color: 'blue' }), workload(image)])
      await run.start()
      await run.untilLeading()
    },
    async act(run) {
      await run.createDelivery({ adopt: true })
      await run.release('r1')
    },
  },
  deletion: {
    name: 'a Delivery that is deleted with all that it delivered',
    async before(run) {
      await running(run, { deletionPolicy: 'Delete' }, settings({ color: 'blue' }))
    },
    async act(run) {
      await run.web.removeDelivery()
      await run.untilObject(`${apiVersion}/deliveries/web`, (object) => object === undefined)
    },
  },
  drift: {
    name: 'drift that is taken back',
    async before(run) {
      await running(run, {}, settings({ color: 'blue' }))
    },
    async act(run) {
      await run.web.edit('v1/configmaps/settings', { data: { color: 'red' } })
      await run.untilObject(
        'v1/configmaps/settings',
        (object) => (object?.['data'] as { color?: string } | undefined)?.color === 'blue',
      )
      await run.until('drift to be over', ({ status }) => status?.drifted === undefined)
    },
  },
} as const satisfies Readonly<Record<string, Scenario>>

/** Brings the first release to run. */
async function running(run: Run, spec: Partial<DeliverySpec>, ...objects: readonly object[]): Promise<void> {
  await run.push(1, ...objects, workload(run.repository))
  await run.createDelivery(spec)
  await run.start()
  await run.release('r1')
  await run.untilTold('r1 runs')
}
