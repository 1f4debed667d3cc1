import t from 'tap'
import type { KubeObject } from '../api/object.ts'
import { describeHeld, heldFields } from './field-conflict.ts'

const live: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    managedFields: [
      { manager: 'kubectl', operation: 'Update', subresource: 'scale' },
      { manager: 'kubectl-edit', operation: 'Update' },
      { manager: 'kubectl', operation: 'Apply' },
      { manager: 'a "quoted" name', operation: 'Update' },
    ],
  },
}

function held(message: string, field = '.spec.replicas') {
  return heldFields([{ reason: 'FieldManagerConflict', message, field }], live)
}

const cases: ReadonlyArray<readonly [message: string, manager: string, isDrift: boolean]> = [
  ['conflict with "argocd"', 'argocd', false],
  ['conflict with "kubectl-edit" using apps/v1', 'kubectl-edit', true],
  ['conflict with "kubectl-edit" using apps/v1 at 2026-01-02T03:04:05Z', 'kubectl-edit', true],
  ['conflict with "kubectl" with subresource "scale" using apps/v1', 'kubectl', true],
  ['conflict with "kubectl" using apps/v1', 'kubectl', false],
  ['conflict with "kubectl"', 'kubectl', false],
  ['conflict with "unseen" using apps/v1', 'unseen', false],
  ['conflict with "a \\"quoted\\" name" using apps/v1', 'a "quoted" name', true],
  ['something new', 'something new', false],
]

t.test('only a field of an update manager that the object knows is drift', (t) => {
  for (const [message, manager, isDrift] of cases) {
    t.same(held(message), [{ manager, field: '.spec.replicas', isDrift }], message)
  }
  t.end()
})

t.test('causes of another kind are none', (t) => {
  t.same(heldFields([{ reason: 'FieldValueInvalid', message: 'no', field: '.spec' }], live), [])
  t.end()
})

t.test('it is told who holds what, and not more than can be read', (t) => {
  const fields = [
    ...['a', 'b'].map((field) => ({ manager: 'argocd', field: `.${field}`, isDrift: false })),
    ...['c', 'd', 'e', 'f', 'g', 'h', 'i'].map((field) => ({ manager: 'helm', field: `.${field}`, isDrift: false })),
  ]
  t.equal(describeHeld(fields), '"argocd" holds .a, .b; "helm" holds .c, .d, .e, .f, .g and 2 more')
  t.end()
})
