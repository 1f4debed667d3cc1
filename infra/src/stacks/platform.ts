import type { Config } from '../config.ts'
import { createEvents, type Events } from '../constructs/events.ts'
import { createIdentity, federate, grantRegistry } from '../constructs/identity.ts'
import { createMonitoring, diagnose, registryLogs, type Monitoring } from '../constructs/monitoring.ts'
import { createNetwork, type Network } from '../constructs/network.ts'
import { createRegistry } from '../constructs/registry.ts'
import { createStack } from '../stack.ts'
import { Construct, TerraformOutput, type App, type ContainerRegistry } from '../tf.ts'
import type { Base } from './base.ts'

export interface Platform {
  readonly network: Network
  readonly registry: ContainerRegistry
  readonly events: Events
  readonly monitoring: Monitoring
}

/** What outlives a cluster: network, registry with CI's identities, push events, and where logs are kept. */
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
  })
  const events = createEvents(stack, config, { resourceGroupName, registry })
  createReleasers(stack, config, { resourceGroupName, registry })
  new TerraformOutput(stack, 'registry-host', { value: registry.loginServer })
  new TerraformOutput(stack, 'queue-url', {
    value: `${events.storage.primaryQueueEndpoint}${events.queue.name}`,
  })
  return { network, registry, events, monitoring }
}

interface ReleaseOptions {
  readonly resourceGroupName: string
  readonly registry: ContainerRegistry
}

/** CI's two identities. They know the registry, and nothing of any cluster. */
function createReleasers(parent: Construct, config: Config, { resourceGroupName, registry }: ReleaseOptions): void {
  const scope = new Construct(parent, 'ci')
  const { issuer, releaseSubject, retentionSubject } = config.github
  const repositories = [...config.repositories.delivered, ...config.repositories.platform]

  const push = createIdentity(scope, 'ci-push', config, resourceGroupName)
  federate(scope, 'ci-push-github', push, { issuer, subject: releaseSubject })
  grantRegistry(scope, 'ci-push', config, push, {
    registryId: registry.id,
    access: 'write',
    repositories,
    description: 'CI pushes releases and locks their tags',
  })

  const retention = createIdentity(scope, 'ci-retention', config, resourceGroupName)
  federate(scope, 'ci-retention-github', retention, { issuer, subject: retentionSubject })
  grantRegistry(scope, 'ci-retention', config, retention, {
    registryId: registry.id,
    access: 'delete',
    repositories,
    description: 'CI unlocks and deletes old releases',
  })

  new TerraformOutput(scope, 'push-client-id', { value: push.clientId })
  new TerraformOutput(scope, 'retention-client-id', { value: retention.clientId })
}
