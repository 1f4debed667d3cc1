import type { Config } from '../config.ts'
import { nameAll } from '../naming.ts'
import { tagsOf } from '../stack.ts'
import { Construct, ResourceGroup, StorageAccount, StorageContainer } from '../tf.ts'
import { closedToKeys } from './events.ts'

export interface State {
  readonly account: StorageAccount
  readonly container: StorageContainer
}

/**
 * Where all stacks keep their state, this one's too. So it is there before its own first apply, made with these very
 * settings by the one-time bootstrap, and imported by that apply; later ones find it imported.
 */
export function createState(parent: Construct, config: Config): State {
  const scope = new Construct(parent, 'state')
  const names = nameAll(config)
  const { storageAccountName, containerName } = config.state
  const groupId = `/subscriptions/${config.subscriptionId}/resourceGroups/${names.stateGroup}`
  const accountId = `${groupId}/providers/Microsoft.Storage/storageAccounts/${storageAccountName}`
  const containerId = `${accountId}/blobServices/default/containers/${containerName}`

  const group = new ResourceGroup(scope, 'group', {
    name: names.stateGroup,
    location: config.location,
    tags: tagsOf(config),
  })
  group.importFrom(groupId)

  const account = new StorageAccount(scope, 'storage', {
    name: storageAccountName,
    location: config.location,
    resourceGroupName: group.name,
    tags: tagsOf(config),
    accountKind: 'StorageV2',
    accountTier: 'Standard',
    accountReplicationType: 'GRS',
    ...closedToKeys,
    blobProperties: {
      versioningEnabled: true,
      deleteRetentionPolicy: { days: 30 },
      containerDeleteRetentionPolicy: { days: 30 },
    },
    ...(config.settings.protection.deleteLocks && { lifecycle: { preventDestroy: true } }),
  })
  account.importFrom(accountId)

  const container = new StorageContainer(scope, 'container', {
    name: containerName,
    storageAccountId: account.id,
    containerAccessType: 'private',
  })
  container.importFrom(containerId)
  return { account, container }
}
