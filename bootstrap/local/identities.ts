import { platform, type LocalCluster } from './backend.ts'
import { serviceAccountIssuer } from './control-plane.ts'
import type { RegistryConfigInput } from './registry/config.ts'

/** Audience of tokens that are exchanged at Entra ID; the same on Azure. */
export const tokenAudience = 'api://AzureADTokenExchange'

/** The reconciler's own identity: it may read the repositories that it delivers from. */
export const reconcilerIdentity = {
  clientId: 'a0000000-0000-4000-8000-000000000001',
  namespace: 'windlass-system',
  serviceAccount: 'windlass',
} as const

/** What CI is federated with on GitHub is a service account's token here. It may push, and has no right in the cluster. */
export const ciIdentity = {
  clientId: 'a0000000-0000-4000-8000-000000000002',
  namespace: 'ci',
  serviceAccount: 'release',
  /** For clients that only know passwords, as buildah. */
  username: 'ci',
} as const

export const repositories = { predictor: 'predictor', windlass: 'windlass', local: 'local/*' } as const

/**
 * Who may do what in the local registry; the table that `infra/` has for Azure, in small. `delivered` names further
 * repositories, `bench/*`, that CI pushes to and the reconciler delivers from.
 */
export function registryIdentities(
  cluster: Pick<LocalCluster, 'pullCredential'>,
  ciPassword: string,
  delivered: readonly string[] = [],
): RegistryConfigInput['identities'] {
  const all = [...Object.values(repositories), ...delivered]
  const push = all.map((repository) => ({
    repository,
    actions: ['pull', 'push', 'metadata_read', 'metadata_write'] as const,
  }))
  return [
    {
      name: 'kubelet',
      ...cluster.pullCredential,
      permissions: all.map((repository) => ({ repository, actions: ['pull'] })),
    },
    {
      name: 'reconciler',
      clientId: reconcilerIdentity.clientId,
      federated: federated(reconcilerIdentity),
      permissions: [repositories.predictor, ...delivered].map((repository) => ({
        repository,
        actions: ['pull', 'metadata_read'],
      })),
    },
    {
      name: 'ci',
      clientId: ciIdentity.clientId,
      federated: federated(ciIdentity),
      permissions: push.map(({ repository, actions }) => ({ repository, actions: [...actions] })),
    },
    {
      name: 'ci-password',
      username: ciIdentity.username,
      password: ciPassword,
      permissions: push.map(({ repository, actions }) => ({ repository, actions: [...actions] })),
    },
  ]
}

/** The authority under which pods and CI ask for tokens. */
export const authorityHost = `https://${platform.entraHost}`

function federated({ namespace, serviceAccount }: { namespace: string; serviceAccount: string }) {
  return {
    issuer: serviceAccountIssuer,
    subject: `system:serviceaccount:${namespace}:${serviceAccount}`,
    audience: tokenAudience,
  }
}
