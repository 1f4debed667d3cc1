import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import type { Delivery } from '../api/delivery.ts'
import { conditionOf, isGoingBack, TestLoop, type Tenancy } from './test-loop.ts'

t.setTimeout(400_000)

const loop = await TestLoop.open(t)
await loop.start()

/** Ways into `Stalled`; each answers the tag that runs no more by itself. */
const stalls: Readonly<Record<string, (purpose: string) => Promise<Tenancy>>> = {
  'a first release that fails': async (purpose) => {
    const web = await loop.deliver(purpose)
    web.registry.push()
    web.poll()
    await web.untilAwaited('r1')
    await web.fail()
    return web
  },
  'a release that is held': async (purpose) => {
    const web = await running(purpose, 'Hold')
    await pushBad(web)
    return web
  },
  'going back that fails too': async (purpose) => {
    const web = await running(purpose, 'RollBack')
    await pushBad(web)
    await web.untilGoingBack()
    await web.fail()
    return web
  },
}

const ends: readonly (readonly [stall: string, annotation: string, tag: string])[] = [
  ['a first release that fails', hand.retry, 'r1'],
  ['a first release that fails', hand.pin, 'r1'],
  ['a release that is held', hand.retry, 'r2'],
  ['a release that is held', hand.pin, 'r1'],
  ['a release that is held', hand.pin, 'r2'],
  ['going back that fails too', hand.retry, 'r1'],
  ['going back that fails too', hand.retry, 'r2'],
  ['going back that fails too', hand.pin, 'r1'],
  ['going back that fails too', hand.pin, 'r2'],
]

for (const [stall, annotation, tag] of ends) {
  t.test(`${stall} ends with ${annotation}: ${tag}, which is tried once`, async (t) => {
    const web = await stalls[stall]?.('stalled')
    if (web === undefined) throw new Error(`no way into ${stall}`)
    await web.until('it to be stalled', isStalled)
    // Conditions have whole seconds: one of the second in which a release is applied counts against it.
    await sleep(1_000 - (Date.now() % 1_000))

    await web.annotate({ [annotation]: tag })

    const { status } = await web.untilAwaited(tag)
    t.equal(status?.rollout?.purpose, undefined, 'it is a release like any other')
    await web.fail()
    await web.until('it to have ended', (delivery) => isStalled(delivery) || isGoingBack(delivery))
    const writes = await loop.writesDuring(async () => {
      await web.reconcileNow()
    })
    const begun = writes.filter(
      ({ objectRef }) => objectRef?.resource === 'deployments' && objectRef.namespace === web.namespace,
    )
    t.same(begun, [], 'the same value asks for nothing more')
  })
}

for (const [stall, enter] of Object.entries(stalls)) {
  t.test(`${stall} ends with a newer release`, async (t) => {
    const web = await enter('newer')
    await web.until('it to be stalled', isStalled)
    web.registry.push()
    web.poll()

    const ready = await web.release()

    t.notOk(isStalled(ready))
    t.match(ready.status, { current: { tag: web.registry.latest } })
  })
}

async function running(purpose: string, onFailure: 'Hold' | 'RollBack'): Promise<Tenancy> {
  const web = await loop.deliver(purpose, { rollout: { onFailure } })
  web.registry.push()
  web.poll()
  await web.release('r1')
  return web
}

async function pushBad(web: Tenancy): Promise<void> {
  web.registry.push()
  web.poll()
  await web.untilAwaited('r2')
  await web.fail()
}

function isStalled(delivery: Delivery): boolean {
  return conditionOf(delivery, 'Stalled')?.status === 'True'
}
