import t from 'tap'
import type { DeliverySpec } from '../api/delivery.ts'
import { operatorAnnotations } from '../api/annotations.ts'
import { readDesired, type DesiredOptions } from './desired.ts'
import { compileTagPattern } from './tag-pattern.ts'
import { delivery } from './test-builders.ts'

const options: DesiredOptions = {
  pause: { kind: 'running' },
  ownNamespace: 'windlass-system',
  scheduleProblem: () => undefined,
  tagPattern: compileTagPattern,
}

t.test('a valid spec is parsed once', async (t) => {
  const { work } = readDesired(delivery(), options)

  t.match(work, {
    kind: 'work',
    repository: { registry: 'contoso.azurecr.io', repository: 'web' },
    timeoutMs: 300_000,
  })
  t.ok(work.kind === 'work' && work.isRelease('abc1') && !work.isRelease('not-a-release'))
})

const invalid: Record<string, [fields: Partial<DeliverySpec>, message: RegExp]> = {
  'a repository with a tag': [
    { image: { repository: 'contoso.azurecr.io/web:1', tags: '.*' } },
    /spec\.image\.repository/,
  ],
  'a repository without a host': [{ image: { repository: 'web', tags: '.*' } }, /spec\.image\.repository/],
  'a pattern that is none': [{ image: { repository: 'contoso.azurecr.io/web', tags: '(' } }, /spec\.image\.tags/],
  'a timeout of nothing': [{ rollout: { timeout: '0s', onFailure: 'RollBack', logs: true } }, /spec\.rollout\.timeout/],
}
for (const [what, [fields, message]] of Object.entries(invalid)) {
  t.test(`${what} makes the spec invalid, and the field is named`, async (t) => {
    const { work } = readDesired(delivery({ spec: fields }), options)

    t.match(work, { kind: 'invalid', reason: 'SpecInvalid', message })
  })
}

t.test('a schedule that its reader does not understand makes the spec invalid', async (t) => {
  const { work } = readDesired(delivery(), { ...options, scheduleProblem: () => 'no such zone' })

  t.match(work, { kind: 'invalid', reason: 'SpecInvalid', message: 'spec.poll: no such zone' })
})

t.test("a Delivery in the reconciler's own namespace is refused", async (t) => {
  const { work } = readDesired(delivery({ metadata: { namespace: 'windlass-system' } }), options)

  t.match(work, { kind: 'invalid', reason: 'SelfManaged' })
})

t.test("the operator's annotations are read", async (t) => {
  const annotations = { [operatorAnnotations.pin]: ' r1 ', [operatorAnnotations.reconcileRequestedAt]: 'now' }

  t.match(readDesired(delivery({ metadata: { annotations } }), options), { pin: 'r1', reconcileRequest: 'now' })
})

t.test('an empty pin is none', async (t) => {
  t.notOk('pin' in readDesired(delivery({ metadata: { annotations: { [operatorAnnotations.pin]: '' } } }), options))
})

t.test('a Delivery with a deletion timestamp is being deleted', async (t) => {
  t.equal(readDesired(delivery(), options).isDeleting, false)
  t.equal(readDesired(delivery({ metadata: { deletionTimestamp: '2026-01-02T03:04:05Z' } }), options).isDeleting, true)
})

t.test('a long value of a one-shot annotation is cut, and never within a character', async (t) => {
  const long = `r1/${'a'.repeat(249)}😀`
  const annotations = { [operatorAnnotations.retry]: long, [operatorAnnotations.reconcileRequestedAt]: long }
  const read = readDesired(delivery({ metadata: { annotations } }), options)
  for (const value of [read.retry, read.reconcileRequest]) {
    t.equal(value?.length, 253)
    t.ok(value?.isWellFormed())
  }
})
