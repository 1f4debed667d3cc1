import { askJson } from '../calls/call.ts'
import { az, azDirectory, type AzureContext } from './context.ts'

/** Who types the command, as the directory knows them. */
export interface Operator {
  readonly objectId: string
  readonly type: 'User' | 'ServicePrincipal'
  readonly name: string
}

/** `az account show`: https://learn.microsoft.com/cli/azure/account#az-account-show */
export interface Account {
  readonly id: string
  readonly name: string
  readonly state: string
  /** By which the login reaches the subscription. */
  readonly tenantId: string
  /** Which the subscription belongs to: another one where it is delegated. */
  readonly homeTenantId?: string | null
  readonly user: { readonly name: string; readonly type: 'user' | 'servicePrincipal' }
}

export function readAccount(context: AzureContext): Promise<Account> {
  return askJson(context.run, az(context, 'account show'))
}

/** Whom and which tenant `az ad` asks: those of the default subscription, whichever is named to it. */
export function readDirectory(context: AzureContext): Promise<Pick<Account, 'tenantId' | 'user'>> {
  return askJson(context.run, azDirectory('account show', { query: '{tenantId: tenantId, user: user}' }))
}

export async function readOperator(context: AzureContext): Promise<Operator> {
  try {
    const { user } = await readAccount(context)
    const isUser = user.type === 'user'
    const call = isUser ? azDirectory('ad signed-in-user show') : azDirectory('ad sp show', { id: user.name })
    const { id } = await askJson<{ id: string }>(context.run, call)
    return { objectId: id, type: isUser ? 'User' : 'ServicePrincipal', name: user.name }
  } catch (error) {
    if (!context.isDryRun) throw error
    return { objectId: '<your object ID>', type: 'User', name: '<you>' }
  }
}
