// The policies as they stand in the manifests, on AKS: who gets through, and who does not. Connections that were really
// opened are judged by reconciler/e2e/who-may-talk-to-whom.e2e.ts.
import t from 'tap'
import { type Attempt, judge, type NetworkPolicy } from '../local/network/policy.ts'
import { forbiddenConnections } from './forbidden-connections.ts'
import { aksCast, namespaces, neededConnections } from './needed-connections.ts'
import { rawManifests } from './raw-manifests.ts'

const objects = await rawManifests('predictor/release', 'reconciler')
const policies = objects.filter(
  ({ kind }) => kind === 'NetworkPolicy',
) as readonly unknown[] as readonly NetworkPolicy[]
const cast = aksCast(objects)

t.test('who has something to ask gets through', async (t) => {
  for (const [what, attempt] of Object.entries(neededConnections(cast))) t.equal(verdictOn(attempt), 'allowed', what)
})

t.test('who has not does not', async (t) => {
  for (const [what, attempt] of Object.entries(forbiddenConnections(cast))) t.equal(verdictOn(attempt), 'denied', what)
})

function verdictOn(attempt: Attempt): string {
  return judge(attempt, policies, namespaces).kind
}
