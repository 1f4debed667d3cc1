import t from 'tap'
import type { Identity } from '../config.ts'
import { covers, grant, parseScopes, printScopes } from './scopes.ts'

const reader: Identity = {
  name: 'reader',
  username: 'reader',
  password: 'x',
  catalog: false,
  permissions: [
    { repository: 'team/*', actions: ['pull'] },
    { repository: 'team/app', actions: ['metadata_read'] },
    { repository: 'exact', actions: ['pull', 'push'] },
  ],
}

const granted: Readonly<Record<string, readonly [string, string]>> = {
  'what is permitted is granted': ['repository:team/other:pull', 'repository:team/other:pull'],
  'what is not permitted is left out': ['repository:team/other:pull,push', 'repository:team/other:pull'],
  'permissions that fit add up': ['repository:team/app:pull,metadata_read', 'repository:team/app:pull,metadata_read'],
  'a star asks for everything': ['repository:team/app:*', 'repository:team/app:pull,metadata_read'],
  'an exact name fits nothing longer': ['repository:exact/more:pull', ''],
  'a prefix does not fit the name before its slash': ['repository:team:pull', ''],
  'the catalog is for those who may': ['registry:catalog:*', ''],
  'several scopes in one parameter': [
    'repository:exact:pull repository:team/a:pull',
    'repository:exact:pull repository:team/a:pull',
  ],
  'a scope of another type is left out': ['artifact-repository:repo:pull', ''],
  'a resource class is taken': ['repository(plugin):exact:pull', 'repository:exact:pull'],
  'what is no scope is left out': ['repository exact', ''],
}

for (const [name, [requested, expected]] of Object.entries(granted)) {
  t.test(name, async (t) => {
    t.equal(printScopes(grant(reader, parseScopes([requested]))), expected)
  })
}

t.test('an identity with the catalog gets it', async (t) => {
  t.equal(printScopes(grant({ ...reader, catalog: true }, parseScopes(['registry:catalog:*']))), 'registry:catalog:*')
})

t.test('a request is covered only by all of its actions, in its own repository', async (t) => {
  const held = parseScopes(['repository:a:pull', 'repository:b:pull,push'])
  t.ok(covers(held, parseScopes(['repository:b:pull,push'])))
  t.ok(covers(held, []))
  t.notOk(covers(held, parseScopes(['repository:a:pull,push'])))
  t.notOk(covers(held, parseScopes(['repository:c:pull'])))
  t.notOk(covers([], parseScopes(['repository:a:pull'])))
})
