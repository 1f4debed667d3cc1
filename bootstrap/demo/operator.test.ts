import t from 'tap'
import { annotation, typed } from './operator.ts'

t.test('what is done is told as a person would type it', async (t) => {
  t.equal(
    typed(annotation('windlass.dev/paused=true', 'windlass.dev/pause-reason=release freeze')),
    "$ kubectl -n predictor annotate --overwrite delivery predictor windlass.dev/paused=true windlass.dev/pause-reason='release freeze'",
  )
  t.equal(
    typed(['edit', 'hpa/predictor'], { KUBE_EDITOR: 'sed -i "s/a: 2/a: 1/"' }),
    `$ KUBE_EDITOR='sed -i "s/a: 2/a: 1/"' kubectl edit hpa/predictor`,
  )
  t.equal(typed(['get', "it's"]), String.raw`$ kubectl get 'it'\''s'`)
})
