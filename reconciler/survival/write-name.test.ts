import t from 'tap'
import type { Asked } from './http-proxy.ts'
import { WriteNamer } from './write-name.ts'

const delivery = '/apis/windlass.dev/v1alpha1/namespaces/test-kill-1/deliveries/web'
const events = '/apis/events.k8s.io/v1/namespaces/test-kill-1/events'

function ask(method: string, path: string, body: unknown = ''): Asked {
  return { method, url: path, path, body: JSON.stringify(body), isWatch: false, isWrite: true }
}

function status(phase: string | undefined, reason: string): Asked {
  const value = { conditions: [{ type: 'Ready', reason }], ...(phase !== undefined && { rollout: { phase } }) }
  return ask('PATCH', `${delivery}/status`, [
    { op: 'replace', path: '/metadata/resourceVersion', value: '1' },
    { op: 'add', path: '/status', value },
  ])
}

function namer(): WriteNamer {
  return new WriteNamer({ 'test-kill-1': 'TENANT', 'test-windlass-1': 'OWN' })
}

t.test('a write is named by its verb and object, and counted; names of one run are left out', async (t) => {
  const writes = namer()
  const settings = ask('PATCH', '/api/v1/namespaces/test-kill-1/configmaps/settings')
  const pod = ask('PATCH', '/api/v1/namespaces/test-windlass-1/pods/windlass-0')

  t.same(writes.name(settings), {
    kind: 'PATCH v1/namespaces/TENANT/configmaps/settings',
    name: 'PATCH v1/namespaces/TENANT/configmaps/settings #1',
  })
  t.equal(writes.name(pod).name, 'PATCH v1/namespaces/OWN/pods/windlass-0 #1')
  t.equal(writes.name(settings).name, 'PATCH v1/namespaces/TENANT/configmaps/settings #2')
})

t.test('a step in status is counted by itself, so that one more of another does not rename it', async (t) => {
  const writes = namer()
  const names = [status(undefined, 'Progressing'), status('Waiting', 'Applying'), status('Waiting', 'Applying')].map(
    (asked) => writes.name(asked).name.replace(/.*\/status /, ''),
  )

  t.same(names, ['(Progressing) #1', '(Waiting Applying) #1', '(Waiting Applying) #2'])
  t.equal(writes.name(status('Applying', 'Applying')).kind, writes.name(status(undefined, 'Ready')).kind)
})

t.test('what is named at random, or after what it holds, is named by what it is', async (t) => {
  const writes = namer()
  const copies = '/apis/apps/v1/namespaces/test-kill-1/controllerrevisions'

  t.match(writes.name(ask('DELETE', `${copies}/web-0123456789abcdef`)).name, /controllerrevisions\/COPY #1$/)
  t.match(writes.name(ask('POST', events, { type: 'Normal', reason: 'Ready' })).name, /events \(Normal Ready\) #1$/)
  t.match(
    writes.name(ask('PATCH', `${events}/web.0123456789abcdef`, { series: { count: 2 } })).name,
    /events\/EVENT \(series of 2\) #1$/,
  )
})
