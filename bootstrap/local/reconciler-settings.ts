import { platform } from './backend.ts'
import { authorityHost, reconcilerIdentity, tokenAudience } from './identities.ts'

/** What the reconciler is told on this machine; raw manifests and chart are given the same. */

export const authorityVolume = 'local-ca'

const identityTokenPath = '/var/run/secrets/azure/tokens'

/**
 * What AKS's webhook adds to pods that are labelled azure.workload.identity/use.
 * https://azure.github.io/azure-workload-identity/docs/installation/mutating-admission-webhook.html
 */
const identityToken = {
  name: 'azure-identity-token',
  projected: {
    sources: [
      { serviceAccountToken: { path: 'azure-identity-token', audience: tokenAudience, expirationSeconds: 3600 } },
    ],
  },
} as const

export const localRegistries = [platform.registryHost] as const

export const localEnvironment: Readonly<Record<string, string>> = {
  AZURE_AUTHORITY_HOST: authorityHost,
  AZURE_TENANT_ID: platform.tenantId,
  AZURE_CLIENT_ID: reconcilerIdentity.clientId,
  AZURE_FEDERATED_TOKEN_FILE: `${identityTokenPath}/azure-identity-token`,
  // Microsoft's directory of clouds does not know this authority.
  WINDLASS_DISABLE_INSTANCE_DISCOVERY: 'true',
  NODE_EXTRA_CA_CERTS: '/etc/windlass/local-ca/ca.crt',
  WINDLASS_LOG_LEVEL: 'debug',
}

export const localVolumes = [{ name: authorityVolume, configMap: { name: authorityVolume } }, identityToken] as const

export const localVolumeMounts = [
  { name: authorityVolume, mountPath: '/etc/windlass/local-ca', readOnly: true },
  { name: identityToken.name, mountPath: identityTokenPath, readOnly: true },
] as const
