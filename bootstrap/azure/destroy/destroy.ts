import { rm } from 'node:fs/promises'
import { az } from '../context.ts'
import { calling, done, toDo, type AzureStep } from '../step.ts'
import { destroyPreflight } from './preflight.ts'
import { destroyRuleGroups } from './rule-groups.ts'
import { destroyStack } from './stacks.ts'

/** The account that keeps the state, with the group it is in. */
const destroyState: AzureStep = {
  name: 'destroy-state',
  title: 'Where the state is kept',
  find: async (context) => {
    const { stateGroup } = context.environment.names
    const { stdout } = await context.run(az(context, 'group exists', { name: stateGroup }))
    return stdout.trim() === 'true' ? toDo(`${stateGroup} is there`) : done(`${stateGroup} is gone`)
  },
  actions: (context) => [
    calling(az(context, 'group delete', { name: context.environment.names.stateGroup, yes: true })),
  ],
}

/** What this machine kept of the environment; it was not needed. */
const forgetLocally: AzureStep = {
  name: 'forget',
  title: 'What this machine kept of it',
  find: async ({ folder }) => toDo(folder),
  actions: ({ folder }) =>
    ['synth', 'kubeconfig'].map((part) => ({
      text: `rm -r ${folder}/${part}`,
      perform: () => rm(`${folder}/${part}`, { recursive: true, force: true }),
    })),
  verify: async ({ folder }) => done(`the logs stay: ${folder}/logs`),
}

/** The other way round: what was made last goes first. */
export const destroySteps: readonly AzureStep[] = [
  destroyPreflight,
  destroyStack('cluster', 'Stack cluster: AKS with all that runs in it'),
  destroyRuleGroups,
  destroyStack('platform', 'Stack platform: network, registry with all releases, events, workspaces'),
  destroyStack('base', "Stack base: resource groups and the pipeline's identities"),
  destroyState,
  forgetLocally,
]
