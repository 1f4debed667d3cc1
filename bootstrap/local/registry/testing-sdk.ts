import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ContainerRegistryClient, ContainerRegistryContentClient } from '@azure/container-registry'
import { WorkloadIdentityCredential } from '@azure/identity'
import type { WorkloadIdentityCredentialOptions } from '@azure/identity'
import { testIds } from './testing.ts'
import type { TestRegistry } from './testing.ts'

export interface SdkClients {
  readonly credential: WorkloadIdentityCredential
  readonly client: ContainerRegistryClient
  content(repository: string): ContainerRegistryContentClient
}

/** The Azure SDK's clients, signed in with a projected token that has the claims given. */
export async function sdkClients(
  registry: TestRegistry,
  clientId: string,
  claims: Readonly<Record<string, unknown>> = {},
): Promise<SdkClients> {
  const tokenFilePath = join(registry.dir, `token-${clientId}`)
  await writeFile(tokenFilePath, await registry.issuer.token(claims))
  // Of the pipeline below, and so in no type of the clients that hand them on.
  const transport = { tlsOptions: { ca: registry.caPem }, retryOptions: { maxRetries: 0 } }
  const options: WorkloadIdentityCredentialOptions & typeof transport = {
    tenantId: testIds.tenantId,
    clientId,
    tokenFilePath,
    authorityHost: registry.url,
    disableInstanceDiscovery: true,
    ...transport,
  }
  const credential = new WorkloadIdentityCredential(options)
  return {
    credential,
    client: new ContainerRegistryClient(registry.url, credential, transport),
    content: (repository) => new ContainerRegistryContentClient(registry.url, repository, credential, transport),
  }
}

/** The one that reads, as the reconciler. */
export function readerClients(registry: TestRegistry): Promise<SdkClients> {
  return sdkClients(registry, testIds.clientId)
}

/** The one that may do everything, as CI. */
export function publisherClients(registry: TestRegistry): Promise<SdkClients> {
  return sdkClients(registry, testIds.publisher.clientId, { sub: testIds.publisher.subject })
}

/** Pushes a small image, each name another one, and returns its digest. */
export async function pushImage(content: ContainerRegistryContentClient, name: string, tag?: string): Promise<string> {
  const config = await content.uploadBlob(Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', name })))
  const layer = await content.uploadBlob(Buffer.from(`layer of ${name}`))
  const manifest = {
    schemaVersion: 2,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: config.sizeInBytes },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer.digest, size: layer.sizeInBytes }],
  }
  const { digest } = await content.setManifest(manifest, tag === undefined ? {} : { tag })
  return digest
}
