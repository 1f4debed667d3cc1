import type { Config } from '../config.ts'
import { nameAll } from '../naming.ts'
import { grant } from '../roles.ts'
import { tagsOf } from '../stack.ts'
import {
  Construct,
  EventgridSystemTopic,
  EventgridSystemTopicEventSubscription,
  StorageAccount,
  StorageQueue,
  type ContainerRegistry,
} from '../tf.ts'
import { createIdentity } from './identity.ts'

export interface Events {
  readonly storage: StorageAccount
  readonly queue: StorageQueue
}

/** Pushes are told to a queue, which the reconciler reads from within: nothing needs to reach the cluster. */
export function createEvents(
  parent: Construct,
  config: Config,
  { resourceGroupName, registry }: { readonly resourceGroupName: string; readonly registry: ContainerRegistry },
): Events {
  const scope = new Construct(parent, 'events')
  const names = nameAll(config)
  const place = { location: config.location, resourceGroupName, tags: tagsOf(config) }

  const storage = new StorageAccount(scope, 'storage', {
    ...place,
    name: names.eventStorage,
    accountTier: 'Standard',
    accountReplicationType: 'LRS',
    accountKind: 'StorageV2',
    ...closedToKeys,
  })
  const queue = new StorageQueue(scope, 'queue', { name: names.eventQueue, storageAccountId: storage.id })

  const sender = createIdentity(scope, 'event-topic', config, resourceGroupName)
  const mayWrite = grant(scope, 'event-topic-sends', config, {
    principalId: sender.principalId,
    role: 'Storage Queue Data Message Sender',
    on: queue.id,
    description: 'Event Grid writes push events to this queue',
  })

  const topic = new EventgridSystemTopic(scope, 'topic', {
    ...place,
    name: names.events,
    topicType: 'Microsoft.ContainerRegistry.Registries',
    sourceResourceId: registry.id,
    identity: { type: 'UserAssigned', identityIds: [sender.id] },
  })
  new EventgridSystemTopicEventSubscription(scope, 'pushes', {
    name: 'image-pushed',
    resourceGroupName,
    systemTopic: topic.name,
    eventDeliverySchema: 'CloudEventSchemaV1_0',
    includedEventTypes: ['Microsoft.ContainerRegistry.ImagePushed'],
    storageQueueEndpoint: {
      storageAccountId: storage.id,
      queueName: queue.name,
      // A hint that nobody read for that long is worth nothing: the poll has seen the push since.
      queueMessageTimeToLiveInSeconds: config.settings.events.messageTtlSeconds,
    },
    deliveryIdentity: { type: 'UserAssigned', userAssignedIdentity: sender.id },
    retryPolicy: { maxDeliveryAttempts: 10, eventTimeToLive: 60 },
    dependsOn: [mayWrite],
  })
  return { storage, queue }
}

/** What all our storage accounts share: no keys, no anonymous reads, nothing but today's TLS. */
export const closedToKeys = {
  sharedAccessKeyEnabled: false,
  defaultToOauthAuthentication: true,
  allowNestedItemsToBePublic: false,
  crossTenantReplicationEnabled: false,
  localUserEnabled: false,
  httpsTrafficOnlyEnabled: true,
  minTlsVersion: 'TLS1_2',
  infrastructureEncryptionEnabled: true,
} as const
