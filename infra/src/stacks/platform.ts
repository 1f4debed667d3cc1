import type { Config } from '../config.ts'
import { createEvents, type Events } from '../constructs/events.ts'
import { createIdentity, federate, grantRegistry } from '../constructs/identity.ts'
import { keepFromDeletion } from '../constructs/lock.ts'
import { createMonitoring, diagnose, registryLogs, type Monitoring } from '../constructs/monitoring.ts'
import { createNetwork, type Network } from '../constructs/network.ts'
import { createRegistry } from '../constructs/registry.ts'
import { grant } from '../roles.ts'
import { createStack } from '../stack.ts'
import {
  Construct,
  TerraformOutput,
  type App,
  type ContainerRegistry,
  type RoleAssignment,
  type UserAssignedIdentity,
} from '../tf.ts'
import type { Base } from './base.ts'

export interface Platform {
  readonly network: Network
  readonly events: Events
  readonly monitoring: Monitoring
  readonly readers: Readers
}

/** Whom a cluster acts as towards the registry. */
export interface Readers {
  /** Pulls images. */
  readonly kubelet: UserAssignedIdentity
  readonly reconciler: UserAssignedIdentity
}

/**
 * What outlives a cluster: network, registry with all who have rights on it, push events, and where logs are kept. All
 * rights on the registry are given here, because its lock has to be lifted when one of them changes.
 */
export function createPlatform(app: App, config: Config, { platformGroup }: Base): Platform {
  const stack = createStack(app, 'platform', config)
  const resourceGroupName = platformGroup.name
  const network = createNetwork(stack, config, resourceGroupName)
  const monitoring = createMonitoring(stack, config, resourceGroupName)
  const registry = createRegistry(stack, config, {
    resourceGroupName,
    ...(network.egressIp && { egressIp: network.egressIp.ipAddress }),
  })
  diagnose(stack, 'registry-logs', {
    targetId: registry.id,
    workspaceId: monitoring.logs.id,
    categories: registryLogs,
    hasChoiceOfTables: false,
  })
  const events = createEvents(stack, config, { resourceGroupName, registry })
  const ofReleasers = createReleasers(stack, config, { resourceGroupName, registry })
  const { readers, grants: ofReaders } = createReaders(stack, config, { resourceGroupName, registry, events })
  keepFromDeletion(stack, 'registry-lock', config, {
    on: registry.id,
    notes: 'Every release and every way back is in here.',
    grants: [...ofReleasers, ...ofReaders],
  })
  new TerraformOutput(stack, 'reconciler-client-id', { value: readers.reconciler.clientId })
  new TerraformOutput(stack, 'registry-host', { value: registry.loginServer })
  new TerraformOutput(stack, 'queue-url', {
    value: `${events.storage.primaryQueueEndpoint}${events.queue.name}`,
  })
  return { network, events, monitoring, readers }
}

interface RegistryUsers {
  readonly resourceGroupName: string
  readonly registry: ContainerRegistry
}

/** CI's two identities. They know the registry, and nothing of any cluster. */
function createReleasers(
  parent: Construct,
  config: Config,
  { resourceGroupName, registry }: RegistryUsers,
): readonly RoleAssignment[] {
  const scope = new Construct(parent, 'ci')
  const { issuer, releaseSubject, retentionSubject } = config.github
  const repositories = [...config.repositories.delivered, ...config.repositories.platform]

  const push = createIdentity(scope, 'ci-push', config, resourceGroupName)
  federate(scope, 'ci-push-github', push, { issuer, subject: releaseSubject })
  const mayPush = grantRegistry(scope, 'ci-push', config, push, {
    registryId: registry.id,
    access: 'write',
    repositories,
    description: 'CI pushes releases and locks their tags',
  })

  const retention = createIdentity(scope, 'ci-retention', config, resourceGroupName)
  federate(scope, 'ci-retention-github', retention, { issuer, subject: retentionSubject })
  const mayDelete = grantRegistry(scope, 'ci-retention', config, retention, {
    registryId: registry.id,
    access: 'delete',
    repositories,
    description: 'CI unlocks and deletes old releases',
  })

  new TerraformOutput(scope, 'push-client-id', { value: push.clientId })
  new TerraformOutput(scope, 'retention-client-id', { value: retention.clientId })
  return [...mayPush, ...mayDelete]
}

/** The cluster's two identities that read what is released. Which cluster acts as them is the cluster's stack's to say. */
function createReaders(
  parent: Construct,
  config: Config,
  { resourceGroupName, registry, events }: RegistryUsers & { readonly events: Events },
): { readonly readers: Readers; readonly grants: readonly RoleAssignment[] } {
  const scope = new Construct(parent, 'readers')
  const kubelet = createIdentity(scope, 'kubelet', config, resourceGroupName)
  const mayPull = grantRegistry(scope, 'kubelet', config, kubelet, {
    registryId: registry.id,
    access: 'read',
    repositories: [...config.repositories.delivered, ...config.repositories.platform],
    description: 'Nodes pull images',
  })

  const reconciler = createIdentity(scope, 'reconciler', config, resourceGroupName)
  const mayRead = grantRegistry(scope, 'reconciler', config, reconciler, {
    registryId: registry.id,
    access: 'read',
    repositories: config.repositories.delivered,
    description: 'The reconciler reads tags and manifests of what it delivers',
  })
  grant(scope, 'reconciler-queue', config, {
    principalId: reconciler.principalId,
    role: 'Storage Queue Data Message Processor',
    on: events.queue.id,
    description: 'The reconciler reads hints of pushes and removes them',
  })
  return { readers: { kubelet, reconciler }, grants: [...mayPull, ...mayRead] }
}
