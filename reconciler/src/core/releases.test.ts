import t from 'tap'
import type { DeliveryStatus } from '../api/delivery.ts'
import type { Desired } from './desired.ts'
import { resetByPin, toHighWater } from './releases.ts'
import { desired, digestOf, image, revision, rollout, running } from './test-builders.ts'

const above = { ...toHighWater(image(7)), repository: revision(7).repository }
const below = { ...toHighWater(image(3)), repository: revision(3).repository }
const atFive = { tag: 'r5', digest: digestOf(5), sequence: 5, pushedAt: revision(5).pushedAt, updatedAt: undefined }
const gaveUp = {
  revision: revision(7),
  fault: 'Environment',
  reason: 'ImagePullFailed',
  message: '429',
  at: revision(7).pushedAt,
  attempt: 5,
} as const

const resets: Readonly<Record<string, [status: DeliveryStatus, pin: string]>> = {
  'to what runs, after a newer one failed': [running(5, { highWater: above, failed: gaveUp }), 'r5'],
  'to its digest': [running(5, { highWater: above }), digestOf(5)],
  'to what runs, after an older one was pinned and failed': [running(5, { highWater: below }), 'r5'],
  'while what the release before held is deleted': [
    running(5, { highWater: above, rollout: rollout({ phase: 'Pruning' }) }),
    'r5',
  ],
  'where there was none': [{ current: revision(5) }, 'r5'],
}
for (const [what, [status, pin]] of Object.entries(resets)) {
  t.test(`a pin ${what} resets highWater`, async (t) => {
    const reset = resetByPin(status, desired({ pin }))
    t.match(reset.highWater, { ...atFive, repository: revision(5).repository })
    t.equal(reset.failed, undefined)
    const { failed: _, ...others } = status
    t.same({ ...reset, highWater: 0 }, { ...others, highWater: 0 }, 'and nothing else')
    t.equal(resetByPin(reset, desired({ pin })), reset, 'once')
  })
}

const ahead = running(5, { highWater: above })
const pause = { kind: 'paused', mode: 'releases', objects: [], warnings: [], message: 'paused' } as const
const nots: Readonly<Record<string, [status: DeliveryStatus, desired: Desired]>> = {
  'no pin': [ahead, desired()],
  'a pin to another': [ahead, desired({ pin: 'r4' })],
  'a pin while it is paused': [ahead, desired({ pin: 'r5', pause })],
  'a pin under a spec that means nothing': [
    ahead,
    desired({ pin: 'r5', work: { kind: 'invalid', reason: 'SpecInvalid', message: '' } }),
  ],
  'a pin in the midst of another rollout, which begins its own': [
    running(5, { highWater: above, rollout: rollout({ revision: revision(7) }) }),
    desired({ pin: 'r5' }),
  ],
  'a pin while it is gone back to': [
    running(5, { highWater: above, failed: gaveUp, rollout: rollout({ purpose: 'GoBack', revision: revision(5) }) }),
    desired({ pin: 'r5' }),
  ],
  'a pin where what runs is of another repository': [
    running(5, { highWater: above, current: revision(5, { repository: 'contoso.azurecr.io/other' }) }),
    desired({ pin: 'r5' }),
  ],
  'a pin to what failed under it, of a tag that was moved': [
    running(5, { highWater: above, failed: { ...gaveUp, pin: 'r5' } }),
    desired({ pin: 'r5' }),
  ],
  'a pin to what is newest': [
    running(5, { highWater: { ...toHighWater(image(5)), repository: revision(5).repository } }),
    desired({ pin: 'r5' }),
  ],
}
for (const [what, [status, wanted]] of Object.entries(nots)) {
  t.test(`${what} leaves it as it is`, async (t) => {
    t.equal(resetByPin(status, wanted), status)
  })
}
