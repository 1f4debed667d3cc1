import t from 'tap'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkout } from '../../local/checkout.ts'
import { recordedWorld } from '../testing.ts'
import { variablesOf } from './variables.ts'

const clientIds = { release: 'id-release', retention: 'id-retention', plan: 'id-plan', apply: 'id-apply' }

t.test('the variables are those that docs/ci.md asks for', async (t) => {
  const { context } = await recordedWorld(t, { profile: 'prod' })
  const variables = variablesOf(context().environment, clientIds, 'cr.azurecr.io')
  t.same(
    variables.map(({ environment, name, value }) => `${environment} ${name} ${value}`),
    [
      'prod-release AZURE_CLIENT_ID id-release',
      'prod-release AZURE_TENANT_ID 0b7a2c14-93de-4c1f-8f60-5a2d3e8b9c21',
      'prod-release REGISTRY cr.azurecr.io',
      'prod-release REGISTRY_DATA_ENDPOINT crwindlassprodc0n70s0.westeurope.data.azurecr.io',
      'prod-retention AZURE_CLIENT_ID id-retention',
      'prod-retention AZURE_TENANT_ID 0b7a2c14-93de-4c1f-8f60-5a2d3e8b9c21',
      'prod-retention REGISTRY cr.azurecr.io',
      'prod-retention REGISTRY_DATA_ENDPOINT crwindlassprodc0n70s0.westeurope.data.azurecr.io',
      'prod-plan AZURE_CLIENT_ID id-plan',
      'prod-plan AZURE_TENANT_ID 0b7a2c14-93de-4c1f-8f60-5a2d3e8b9c21',
      'prod-apply AZURE_CLIENT_ID id-apply',
      'prod-apply AZURE_TENANT_ID 0b7a2c14-93de-4c1f-8f60-5a2d3e8b9c21',
    ],
  )
  const documented = await readFile(join(checkout, 'docs', 'ci.md'), 'utf8')
  for (const name of [...variables.map((variable) => variable.name), 'ENVIRONMENT']) t.match(documented, `\`${name}\``)
})

t.test('a registry of the older mode locks no tags, and another environment is named to the workflows', async (t) => {
  const { context } = await recordedWorld(t, { override: { registry: { roles: 'acrPull' } } })
  const variables = variablesOf(context().environment, clientIds, 'cr.azurecr.io')
  t.match(
    variables.find(({ name }) => name === 'TAG_LOCK'),
    { environment: 'dev-release', value: 'off' },
  )
  t.same(
    variables.filter(({ environment }) => environment === undefined),
    [{ repository: 'fabrikam/windlass', name: 'ENVIRONMENT', value: 'dev' }],
  )
})
