import type { Config } from '../config.ts'
import { keepFromDeletion } from '../constructs/lock.ts'
import { createPipeline } from '../constructs/pipeline.ts'
import { createState } from '../constructs/state.ts'
import { nameAll } from '../naming.ts'
import { createStack, tagsOf } from '../stack.ts'
import { ResourceGroup, type App } from '../tf.ts'

export interface Base {
  readonly platformGroup: ResourceGroup
  readonly clusterGroup: ResourceGroup
}

/**
 * What must be there before a pipeline can act: the state, the resource groups, and the pipeline's own identities. A
 * person with rights on the subscription applies it: the pipeline has no rights on the state's group, and reads the state
 * of this stack without writing it.
 */
export function createBase(app: App, config: Config): Base {
  const stack = createStack(app, 'base', config)
  const names = nameAll(config)
  const place = { location: config.location, tags: tagsOf(config) }
  const { account, container } = createState(stack, config)
  const platformGroup = new ResourceGroup(stack, 'platform-group', { ...place, name: names.platformGroup })
  const clusterGroup = new ResourceGroup(stack, 'cluster-group', { ...place, name: names.clusterGroup })
  const grants = createPipeline(stack, config, {
    stateGroup: names.stateGroup,
    containerId: container.id,
    groups: { platform: platformGroup, cluster: clusterGroup },
  })
  keepFromDeletion(stack, 'state-lock', config, {
    on: account.id,
    notes: 'What Terraform knows of this environment is in here, and nowhere else.',
    grants,
  })
  return { platformGroup, clusterGroup }
}
