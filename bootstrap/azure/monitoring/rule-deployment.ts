import { createHash } from 'node:crypto'
import type { AzureEnvironment } from '../environment.ts'

/** The rule groups as they are deployed: by an ARM template of theirs, with what is of this environment. */
export interface RuleDeployment {
  readonly groups: readonly string[]
  readonly parameters: readonly string[]
  /** The value of each group's tag `revisionTag`; another one with any other rule or parameter. */
  readonly revision: string
}

/** What is deployed of a template. */
export function ruleDeployment({ names, ids, config }: AzureEnvironment, template: string): RuleDeployment {
  const content = JSON.parse(template) as { readonly resources: ReadonlyArray<{ readonly name: string }> }
  const { actionGroupId } = config.settings.monitoring
  const parameters = [
    `workspaceId=${ids.metrics}`,
    `clusterName=${names.cluster}`,
    ...(actionGroupId === null ? [] : [`actionGroupId=${actionGroupId}`]),
  ]
  const hash = createHash('sha256').update(JSON.stringify([content, parameters]))
  const revision = hash.digest('hex')
  return {
    groups: content.resources.map(({ name }) => name),
    parameters: [...parameters, `revision=${revision}`],
    revision,
  }
}
