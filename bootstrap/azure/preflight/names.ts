import { askJson } from '../../calls/call.ts'
import { az, type AzureContext } from '../context.ts'
import { Problem } from '../../calls/problem.ts'
import type { Check } from './check.ts'

/** Names that are unique in the world, and what changes them. */
export const worldwideNames: Check = {
  what: 'names that nobody else may have',
  look: async (context) => {
    const { file, config, names } = context.environment
    const taken = await Promise.all([
      isTaken(context, config.state.storageAccountName, 'storage account'),
      isTaken(context, names.eventStorage, 'storage account'),
      isTaken(context, names.registry, 'registry'),
    ])
    const mends = ['choose another state.storageAccountName', 'choose another nameSuffix', 'choose another nameSuffix']
    return taken.flatMap((why, index) => {
      if (why === undefined) return []
      return [new Problem({ ...why, mend: `${mends[index]} in ${file}` })]
    })
  },
}

const kinds = {
  'storage account': { check: 'storage account check-name', type: 'Microsoft.Storage/storageAccounts' },
  registry: { check: 'acr check-name', type: 'Microsoft.ContainerRegistry/registries' },
} as const

/** `az storage account check-name`: https://learn.microsoft.com/rest/api/storagerp/storage-accounts/check-name-availability */
interface Availability {
  readonly nameAvailable: boolean
  readonly message: string | null
}

async function isTaken(
  context: AzureContext,
  name: string,
  kind: keyof typeof kinds,
): Promise<{ readonly what: string; readonly why: string } | undefined> {
  const { check, type } = kinds[kind]
  const { nameAvailable, message } = await askJson<Availability>(context.run, az(context, check, { name }))
  if (nameAvailable) return undefined
  // Ours, where it is in this subscription.
  const ours = az(context, 'resource list', { name, 'resource-type': type })
  if ((await askJson<readonly unknown[]>(context.run, ours)).length > 0) return undefined
  return { what: `${kind} ${name}`, why: message ?? 'the name is taken' }
}
