import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import type { RegistryConfigInput } from '../../../bootstrap/local/registry/config.ts'
import { startRegistryWithContent } from '../../../bootstrap/local/registry/testing-content.ts'
import type { StandInOptions } from '../../../bootstrap/local/registry/stand-in.ts'
import { testIds, type TestRegistry } from '../../../bootstrap/local/registry/testing.ts'
import { AcrTagSource, defaultAudience, type AcrOptions } from './acr.ts'
import { encodeBundle } from './bundle-format.ts'
import { pushBundle, readPushedImage, setTag } from './bundle-push.ts'
import { createWorkloadIdentityCredential } from './identity.ts'
import { digestOf, mediaTypes } from './oci.ts'
import { RegistryConnection } from './registry-connection.ts'
import { testLimits } from './test-acr.ts'

/** The names by which everyone in a cluster knows them; all lead to the stand-in. */
export const hosts = { registry: 'registry.windlass.test', entra: 'login.windlass.test' } as const

/** The stand-in with a real distribution behind it, our adapter as the reconciler's identity, and CI's hand. */
export interface StandIn {
  readonly registry: TestRegistry
  readonly dispatcher: Dispatcher
  source(options?: Partial<AcrOptions>): AcrTagSource
  /** As an identity that may push. */
  publisher(): RegistryConnection
  /** As the reconciler, which may not. */
  reader(): RegistryConnection
}

export async function startStandIn(
  t: Test,
  config: Partial<RegistryConfigInput> = {},
  options: StandInOptions = {},
): Promise<StandIn> {
  const registry = await startRegistryWithContent(t, config, options)
  const dispatcher = dispatcherTo(registry)
  t.teardown(() => dispatcher.destroy())
  const lifetime = new AbortController()
  t.teardown(() => lifetime.abort())
  const reader = await identityOf(t, registry, testIds.clientId)
  const publisher = await identityOf(t, registry, testIds.publisher.clientId, { sub: testIds.publisher.subject })
  return {
    registry,
    dispatcher,
    source(options = {}) {
      const source = new AcrTagSource({
        registries: [hosts.registry],
        credential: reader,
        dispatcher,
        ...options,
        limits: { ...testLimits, ...options.limits },
      })
      t.teardown(() => source.close())
      return source
    },
    publisher: () => connectAs(publisher),
    reader: () => connectAs(reader),
  }

  function connectAs(credential: Identity): RegistryConnection {
    return new RegistryConnection({
      registry: hosts.registry,
      credential,
      dispatcher,
      lifetime: lifetime.signal,
      limits: testLimits,
      audience: defaultAudience,
    })
  }
}

type Identity = AcrOptions['credential']

export interface PushedRelease {
  readonly tag: string
  readonly digest: string
  readonly bundle: string
}

/** What CI does: the image by digest, its bundle, and the tag last. */
export async function pushRelease(
  publisher: RegistryConnection,
  name: string,
  tag: string,
  manifests: string,
  annotations: Readonly<Record<string, string>> = {},
): Promise<PushedRelease> {
  const { signal } = new AbortController()
  const digest = await pushImage(publisher, name, tag, annotations)
  const image = await readPushedImage(publisher, name, digest, signal)
  const bundle = encodeBundle(manifests, image.subject, tag)
  await pushBundle(publisher, name, bundle, image.subject, signal)
  await setTag(publisher, name, tag, image, signal)
  return { tag, digest, bundle: bundle.digest }
}

/** A small image, another one for each content; answers its digest. */
export async function pushImage(
  publisher: RegistryConnection,
  name: string,
  content: string,
  annotations: Readonly<Record<string, string>> = {},
): Promise<string> {
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', content }))
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.byteLength },
      layers: [],
      annotations,
    }),
  )
  const attempt = { host: publisher.http.registry, action: 'push an image' }
  await publisher.call(name, attempt, new AbortController().signal, async (clients) => {
    await clients.content.uploadBlob(config)
    await clients.content.setManifest(manifest, { mediaType: mediaTypes.ociManifest })
  })
  return digestOf(manifest)
}

async function identityOf(
  t: Test,
  registry: TestRegistry,
  clientId: string,
  claims: Readonly<Record<string, unknown>> = {},
): Promise<Identity> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-token-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const tokenFilePath = join(dir, 'token')
  await writeFile(tokenFilePath, await registry.issuer.token(claims))
  const identity = {
    clientId,
    tenantId: testIds.tenantId,
    tokenFilePath,
    authorityHost: `https://${hosts.entra}`,
    disableInstanceDiscovery: true,
  }
  return (wire) => createWorkloadIdentityCredential(identity, wire)
}

/** Resolves the cluster's names to the stand-in's port, and trusts its authority. */
function dispatcherTo({ port, caPem }: TestRegistry): Agent {
  const connect = buildConnector({ ca: caPem })
  return new Agent({
    connect: (options, callback) =>
      connect({ ...options, hostname: '127.0.0.1', port: String(port), servername: options.hostname }, callback),
  })
}
