import { askJson } from '../../calls/call.ts'
import type { Config } from '../../../infra/src/config.ts'
import { waitFor } from '../../local/wait.ts'
import { az, type AzureContext } from '../context.ts'
import { calling, done, toDo, type Action, type AzureStep } from '../step.ts'

/** What infra's stacks make resources of; they register nothing themselves. */
const always = [
  'Microsoft.AlertsManagement',
  'Microsoft.Compute',
  'Microsoft.ContainerRegistry',
  'Microsoft.ContainerService',
  'Microsoft.EventGrid',
  'Microsoft.Insights',
  'Microsoft.ManagedIdentity',
  'Microsoft.Monitor',
  'Microsoft.Network',
  'Microsoft.OperationalInsights',
  'Microsoft.PolicyInsights',
  'Microsoft.Storage',
] as const

const hostEncryption = { namespace: 'Microsoft.Compute', name: 'EncryptionAtHost' } as const

/** Registers resource providers, and the feature that encrypted hosts need. */
export const providers: AzureStep = {
  name: 'providers',
  title: 'Resource providers',
  find: async (context) => {
    const missing = await missingProviders(context)
    if (missing.length > 0) return toDo(`not registered: ${missing.join(', ')}`)
    const state = needsFeature(context) ? await featureState(context) : 'Registered'
    return state === 'Registered' ? done('all are registered') : toDo(`the feature EncryptionAtHost is ${state}`)
  },
  actions: async (context) => {
    const missing = await missingProviders(context).catch((error: unknown) => {
      if (!context.isDryRun) throw error
      return neededProviders(context.environment.config)
    })
    return [
      ...missing.map((namespace) => registering(context, namespace)),
      ...(needsFeature(context) ? registeringFeature(context) : []),
    ]
  },
  settleMs: 60_000,
}

export function neededProviders({ settings }: Config): readonly string[] {
  return settings.cluster.defender ? [...always, 'Microsoft.Security'] : always
}

function registering(context: AzureContext, namespace: string): Action {
  return calling(az(context, 'provider register', { namespace, wait: true }))
}

/** By Microsoft's side, which takes a quarter of an hour. */
const featureWithinMs = 20 * 60_000

/** A provider knows of a feature only when it is registered anew after it: the Azure CLI says so itself. */
function registeringFeature(context: AzureContext): readonly Action[] {
  const { namespace, name } = hostEncryption
  const waiting: Action = {
    text: `wait until the feature ${namespace}/${name} is registered`,
    perform: async ({ everyMs, signal }) => {
      let state = ''
      await waitFor(
        async () => {
          state = await featureState(context)
          return state === 'Registered' || undefined
        },
        () => `the feature ${namespace}/${name} is ${state}. Type the same again later`,
        { timeoutMs: featureWithinMs, everyMs, signal },
      )
    },
  }
  return [calling(az(context, 'feature register', hostEncryption)), waiting, registering(context, namespace)]
}

/** `az provider list`: https://learn.microsoft.com/rest/api/resources/providers/list */
interface Provider {
  readonly namespace: string
  readonly registrationState: string
}

async function missingProviders(context: AzureContext): Promise<readonly string[]> {
  const query = '[].{namespace:namespace, registrationState:registrationState}'
  const listed = await askJson<readonly Provider[]>(context.run, az(context, 'provider list', { query }))
  const registered = new Set(
    listed
      .filter(({ registrationState }) => registrationState === 'Registered')
      .map(({ namespace }) => namespace.toLowerCase()),
  )
  return neededProviders(context.environment.config).filter((name) => !registered.has(name.toLowerCase()))
}

function needsFeature({ environment }: AzureContext): boolean {
  return environment.config.settings.cluster.hostEncryption
}

async function featureState(context: AzureContext): Promise<string> {
  const call = az(context, 'feature show', hostEncryption)
  return (await askJson<{ properties: { state: string } }>(context.run, call)).properties.state
}
