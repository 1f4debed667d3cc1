import t from 'tap'
import { chooseBundle } from './bundle-choice.ts'

const ours = { digest: 'sha256:1', revision: 'a' }
const other = { digest: 'sha256:2', revision: 'b' }
const unnamed = { digest: 'sha256:3' }

t.test('no bundle of the revision is none, whatever else is attached', (t) => {
  t.strictSame(chooseBundle([], 'a'), { kind: 'none' })
  t.strictSame(chooseBundle([other, unnamed], 'a'), { kind: 'none' })
  t.end()
})

t.test('the one of the revision is chosen among others', (t) => {
  t.strictSame(chooseBundle([unnamed, other, ours], 'a'), { kind: 'bundle', bundle: ours })
  t.end()
})

t.test('one that is listed twice is one', (t) => {
  t.strictSame(chooseBundle([ours, other, ours], 'a'), { kind: 'bundle', bundle: ours })
  t.end()
})

t.test('two of the revision are ambiguous, and both are named', (t) => {
  t.match(chooseBundle([{ digest: 'sha256:9', revision: 'a' }, other, ours], 'a'), {
    kind: 'ambiguous',
    reason: 'BundleAmbiguous',
    message:
      /2 bundles of revision a .*\(sha256:1, sha256:9\); delete all but one and ask for a reconcile by the annotation windlass\.dev\/reconcile-requested-at$/,
  })
  t.end()
})
