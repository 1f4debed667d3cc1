import { AzureCliCredential, type TokenCredential } from '@azure/identity'
import { AppError } from '../core/errors.ts'
import { createWorkloadIdentityCredential, type IdentityWire } from '../registry/identity.ts'

type Environment = Readonly<Record<string, string | undefined>>

const publicAuthority = 'https://login.microsoftonline.com/'
/** The clouds that Microsoft's own directory of clouds knows; any other authority is asked without it. */
const knownAuthorities: ReadonlySet<string> = new Set([
  'login.microsoftonline.com',
  'login.microsoftonline.us',
  'login.chinacloudapi.cn',
  'login.partner.microsoftonline.cn',
])

/**
 * Who CI is: by a federated token where one is given (in a pod, or any CI that writes an OIDC token to a file), else as
 * `az login` left it, which is what azure/login does in GitHub Actions.
 */
export function credentialFrom(env: Environment): (wire: IdentityWire) => TokenCredential {
  const {
    AZURE_CLIENT_ID: clientId,
    AZURE_TENANT_ID: tenantId,
    AZURE_FEDERATED_TOKEN_FILE: tokenFilePath,
    AZURE_AUTHORITY_HOST: authorityHost = publicAuthority,
  } = env
  if (!clientId || !tenantId || !tokenFilePath) return () => azureCli()
  const disableInstanceDiscovery = !knownAuthorities.has(new URL(authorityHost).host)
  return (wire) =>
    createWorkloadIdentityCredential(
      { clientId, tenantId, tokenFilePath, authorityHost, disableInstanceDiscovery },
      wire,
    )
}

function azureCli(): TokenCredential {
  const credential = new AzureCliCredential()
  return {
    async getToken(scopes, options) {
      try {
        return await credential.getToken(scopes, options)
      } catch (cause) {
        throw new AppError({
          kind: 'waiting',
          reason: 'RegistryUnauthorized',
          message:
            'not signed in: set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE, or run az login',
          cause,
        })
      }
    },
  }
}
