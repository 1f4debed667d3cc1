import { join } from 'node:path'
import { checkout } from '../local/checkout.ts'
import type { Manifest } from '../local/install.ts'
import { readInOrder } from '../local/manifest-files.ts'

/** The reconciler's Deployment and its Namespace, as the manifests name them. */
export const reconcilerDeployment = { namespace: 'windlass-system', name: 'windlass' } as const

/** What the reconciler's manifests leave to where they are installed: the machine's own cluster, or one on Azure. */
export interface ReconcilerPlacement {
  /** By digest. */
  readonly image: string
  /** Hosts to which its credential may go. */
  readonly registries: readonly string[]
  /** Of its own identity, where a webhook reads it from the account and adds the token. */
  readonly clientId?: string
  /** More of its environment, and what that names. */
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly object[]
  readonly volumeMounts?: readonly object[]
  /** Blocks of name servers that are no pods of kube-system. */
  readonly nameServers?: readonly string[]
}

/** The definition of Deliveries, and what the reconciler consists of, in an order in which they can be applied. */
export async function reconcilerObjects(placement: ReconcilerPlacement): Promise<readonly Manifest[]> {
  const definitions = await readInOrder(join(checkout, 'manifests', 'crd'))
  const objects = await readInOrder(join(checkout, 'manifests', 'reconciler'))
  return [...definitions, ...objects.map((object) => place(object, placement))]
}

function place(object: Manifest, placement: ReconcilerPlacement): Manifest {
  if (object.kind === 'NetworkPolicy') return withNameServers(object as PolicyManifest, placement.nameServers ?? [])
  if (object.kind === 'ServiceAccount') return withClientId(object, placement.clientId)
  if (object.kind !== 'Deployment') return object
  const { spec } = object as DeploymentManifest
  const { containers, volumes = [] } = spec.template.spec
  const podSpec = {
    ...spec.template.spec,
    containers: containers.map((container) => placeContainer(container, placement)),
    volumes: [...volumes, ...(placement.volumes ?? [])],
  }
  return { ...object, spec: { ...spec, template: { ...spec.template, spec: podSpec } } }
}

interface Container {
  readonly name: string
  readonly env?: readonly { readonly name: string }[]
  readonly volumeMounts?: readonly object[]
}

interface DeploymentManifest extends Manifest {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly Container[]; readonly volumes?: readonly object[] }
    }
  }
}

interface NamedManifest extends Manifest {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> }
}

interface PolicyManifest extends Manifest {
  readonly spec: { readonly egress: readonly object[] }
}

function withNameServers(policy: PolicyManifest, blocks: readonly string[]): Manifest {
  const ports = (['UDP', 'TCP'] as const).map((protocol) => ({ protocol, port: 53 }))
  const rules = blocks.map((cidr) => ({ to: [{ ipBlock: { cidr } }], ports }))
  return { ...policy, spec: { ...policy.spec, egress: [...policy.spec.egress, ...rules] } }
}

function withClientId(account: Manifest, clientId: string | undefined): Manifest {
  if (clientId === undefined) return account
  const { annotations, ...metadata }: NamedManifest['metadata'] = (account as NamedManifest).metadata
  const named = { ...annotations, 'azure.workload.identity/client-id': clientId }
  return { ...account, metadata: { ...metadata, annotations: named } }
}

function placeContainer(container: Container, placement: ReconcilerPlacement): Container & { readonly image: string } {
  const { image, registries, environment = {}, volumeMounts = [] } = placement
  const values: Readonly<Record<string, string>> = { WINDLASS_REGISTRIES: registries.join(), ...environment }
  const kept = (container.env ?? []).filter(({ name }) => !Object.hasOwn(values, name))
  return {
    ...container,
    image,
    env: [...kept, ...Object.entries(values).map(([name, value]) => ({ name, value }))],
    volumeMounts: [...(container.volumeMounts ?? []), ...volumeMounts],
  }
}
