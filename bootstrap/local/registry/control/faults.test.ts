import t from 'tap'
import { Faults } from './faults.ts'
import type { FaultInput, FaultSubject } from './faults.ts'

const poll: FaultSubject = { host: 'registry', method: 'GET', path: '/acr/v1/team/app/_tags', repository: 'team/app' }
const effect = { kind: 'status', status: 500 } as const

const matches: Readonly<Record<string, readonly [FaultInput['match'], boolean]>> = {
  'nothing asked for': [{}, true],
  'its host': [{ host: 'registry' }, true],
  'another host': [{ host: 'blobs' }, false],
  'its method': [{ method: 'GET' }, true],
  'another method': [{ method: 'PUT' }, false],
  'its path': [{ path: '/_tags$' }, true],
  'another path': [{ path: '^/v2/' }, false],
  'its repository': [{ repository: 'team/app' }, true],
  'another repository': [{ repository: 'team' }, false],
  'one thing that fits and one that does not': [{ method: 'GET', repository: 'team' }, false],
}

for (const [name, [match = {}, expected]] of Object.entries(matches)) {
  t.test(`with ${name} a request ${expected ? 'meets' : 'passes'} the fault`, async (t) => {
    const faults = new Faults()
    faults.add({ match, effect })
    t.equal(faults.meet(poll) !== undefined, expected)
  })
}

t.test('a fault passes over the first, meets as many as it was told, and then no more', async (t) => {
  const faults = new Faults()
  const id = faults.add({ skip: 1, count: 2, effect })
  t.same(
    [1, 2, 3, 4].map(() => faults.meet(poll)?.id),
    [undefined, id, id, undefined],
  )
  t.match(faults.list(), [{ id, met: 2 }])
})

t.test('of several, the first that still counts is met', async (t) => {
  const faults = new Faults()
  const once = faults.add({ count: 1, effect })
  const always = faults.add({ effect })
  t.same([faults.meet(poll)?.id, faults.meet(poll)?.id], [once, always])
})

t.test('a fault that is cleared is over, also for those who wait for it', async (t) => {
  const faults = new Faults()
  const id = faults.add({ effect: { kind: 'stall', after: 'nothing' } })
  const met = faults.meet(poll)
  t.ok(faults.clear(id))
  t.ok(met?.cleared.aborted)
  t.equal(faults.meet(poll), undefined)
  t.notOk(faults.clear(id))
})

t.test('a path that is no regular expression is refused', async (t) => {
  t.throws(() => new Faults().add({ match: { path: '(' }, effect }), SyntaxError)
})
