import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { platform as names } from '../../bootstrap/local/backend.ts'
import { checkout } from '../../bootstrap/local/checkout.ts'
import type { Manifest } from '../../bootstrap/local/install.ts'
import { readInOrder } from '../../bootstrap/local/manifest-files.ts'
import { encodeBundle } from '../src/registry/bundle-format.ts'
import { pushBundle, readPushedImage, setTag } from '../src/registry/bundle-push.ts'
import { mediaTypes } from '../src/registry/oci.ts'
import type { RegistryConnection } from '../src/registry/registry-connection.ts'
import { onSimulatedNodes } from './simulated-nodes.ts'
import { smallConfig, smallImage } from './small-image.ts'

/** One of many: a namespace with a Delivery, over a repository, both of its own. */
export interface Tenant {
  readonly namespace: string
  /** Without the registry's host. */
  readonly repository: string
}

/** Name of each Delivery, and of the Deployment that it releases. */
export const deliveryName = 'predictor'
/** What `registryIdentities` must know of all the repositories. */
export const manyRepositories = 'many/*'
const schedule = '*/5 * * * * *'

export function tenantsOf(count: number): readonly Tenant[] {
  return Array.from({ length: count }, (_, i) => {
    const namespace = `many-${String(i).padStart(4, '0')}`
    return { namespace, repository: `many/${namespace}` }
  })
}

/** What an operator applies for each: what is applied for the predictor, with the names of that tenant. */
export async function operatorObjects(tenants: readonly Tenant[]): Promise<readonly Manifest[]> {
  const objects = await readInOrder(join(checkout, 'manifests', 'predictor', 'operator'))
  return tenants.flatMap((tenant) => objects.map((object) => ownedBy(tenant, object)))
}

function ownedBy({ namespace, repository }: Tenant, object: Manifest): Manifest {
  const { kind, metadata, ...rest } = object
  if (kind === 'Namespace') return renamed(object, { name: namespace })
  const moved = renamed(object, { namespace })
  if (kind === 'RoleBinding') {
    const { subjects = [] } = rest as { readonly subjects?: readonly { readonly namespace?: string }[] }
    const isOwn = (subject: { readonly namespace?: string }) => subject.namespace === metadata?.namespace
    return { ...moved, subjects: subjects.map((subject) => (isOwn(subject) ? { ...subject, namespace } : subject)) }
  }
  if (kind !== 'Delivery') return moved
  const { spec } = rest as { readonly spec: { readonly image: object; readonly poll: object } }
  const image = { ...spec.image, repository: `${names.registryHost}/${repository}` }
  return { ...moved, spec: { ...spec, image, poll: { ...spec.poll, schedule } } }
}

/** What no controller of this cluster but its own acts on: an Ingress would set HAProxy going, an autoscaler metrics. */
const leftOut = new Set(['Ingress', 'HorizontalPodAutoscaler'])

/** The objects of the predictor's release that a simulated node can bear. */
export async function releaseObjects(): Promise<readonly Manifest[]> {
  const objects = await readInOrder(join(checkout, 'manifests', 'predictor', 'release'))
  return objects.filter(({ kind = '' }) => !leftOut.has(kind))
}

interface Container {
  readonly name: string
}

interface DeploymentManifest extends Manifest {
  readonly spec: {
    readonly template: {
      readonly metadata: object
      readonly spec: { readonly containers: readonly Container[] }
    }
  }
}

/** Pushes image, manifests and tag of a tenant's release, as CI does. */
export async function pushTenantRelease(
  connection: RegistryConnection,
  tenant: Tenant,
  objects: readonly Manifest[],
  signal: AbortSignal,
): Promise<void> {
  const { repository } = tenant
  const sha = createHash('sha1').update(repository).digest('hex')
  const attempt = { host: connection.http.registry, action: `push to ${repository}` }
  const { digest } = await connection.call(repository, attempt, signal, async ({ content }) => {
    await content.uploadBlob(smallConfig)
    return content.setManifest(smallImage(sha), { mediaType: mediaTypes.ociManifest })
  })
  const image = await readPushedImage(connection, repository, digest, signal)
  const text = objects.map((object) => stringify(placed(object, tenant))).join('---\n')
  await pushBundle(connection, repository, encodeBundle(text, image.subject, sha), image.subject, signal)
  await setTag(connection, repository, sha, image, signal)
}

/** In the tenant's namespace, its image from the tenant's repository, its pods on simulated nodes. */
function placed(object: Manifest, { namespace, repository }: Tenant): Manifest {
  const moved = renamed(object, { namespace })
  if (object.kind !== 'Deployment') return moved
  const { spec } = object as DeploymentManifest
  const { template } = spec
  const image = `${names.registryHost}/${repository}:set-by-windlass`
  const containers = template.spec.containers.map((container) => ({ ...container, image }))
  // Nothing answers at their addresses, so Prometheus is not told of them.
  const metadata = { ...template.metadata, annotations: {} }
  const podSpec = { ...template.spec, ...onSimulatedNodes, containers }
  return { ...moved, spec: { ...spec, template: { metadata, spec: podSpec } } }
}

function renamed(object: Manifest, names: { readonly name: string } | { readonly namespace: string }): Manifest {
  const metadata: object = object.metadata ?? {}
  return { ...object, metadata: { ...metadata, ...names } }
}
