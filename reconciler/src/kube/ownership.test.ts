import t from 'tap'
import { deliveryLabel, fieldManager, ownerAnnotation } from '../api/annotations.ts'
import type { KubeObject } from '../api/object.ts'
import { ownershipOf } from './ownership.ts'

function service(metadata: Partial<KubeObject['metadata']>): KubeObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', ...metadata } }
}

const desired = service({ annotations: { [ownerAnnotation]: 'shop/web/uid-1' } })
const applied = { managedFields: [{ manager: fieldManager, operation: 'Apply' }] }

const cases: ReadonlyArray<readonly [name: string, live: KubeObject, kind: string]> = [
  ['marked as ours', service({ annotations: { [ownerAnnotation]: 'shop/web/uid-1' } }), 'ours'],
  ['marked by us before a restore', service({ annotations: { [ownerAnnotation]: 'shop/web/uid-0' } }), 'ours'],
  ['marked by another Delivery', service({ annotations: { [ownerAnnotation]: 'shop/api/uid-2' } }), 'another'],
  ['marked by its namesake elsewhere', service({ annotations: { [ownerAnnotation]: 'bank/web/uid-1' } }), 'another'],
  ['marked in a way that cannot be read', service({ annotations: { [ownerAnnotation]: 'shop' } }), 'notOurs'],
  ['not marked', service({}), 'notOurs'],
  ['with our label alone', service({ labels: { [deliveryLabel]: 'web' } }), 'notOurs'],
  ['applied by us, and its mark removed', service({ labels: { [deliveryLabel]: 'web' }, ...applied }), 'ours'],
  ['applied by us, and both marks removed', service(applied), 'ours'],
  ['applied by us for another', service({ labels: { [deliveryLabel]: 'api' }, ...applied }), 'notOurs'],
]

t.test('whose an object is', (t) => {
  for (const [name, live, kind] of cases) t.equal(ownershipOf(live, desired).kind, kind, name)
  t.end()
})

t.test('nothing is applied without an owner', (t) => {
  t.throws(() => ownershipOf(service({}), service({})), { message: /without an owner/ })
  t.end()
})
