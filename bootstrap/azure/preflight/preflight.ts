import { done, type AzureStep } from '../step.ts'
import { assertRounds, type Check } from './check.ts'
import { github } from './github.ts'
import { kubernetesVersion } from './kubernetes-version.ts'
import { directory, login } from './login.ts'
import { worldwideNames } from './names.ts'
import { administration, permissions } from './permissions.ts'
import { programs, programsOf } from './programs.ts'
import { quota } from './quota.ts'
import { repositories } from './repositories.ts'

const rounds: readonly (readonly Check[])[] = [
  [programs(programsOf)],
  [login, repositories],
  [directory],
  [permissions, administration, quota, kubernetesVersion, worldwideNames, github],
]

/** Looks at all that must be so; changes nothing. */
export const preflight: AzureStep = {
  name: 'preflight',
  title: 'Preflight: programs, login, permissions, quota, names',
  find: async (context) => {
    await assertRounds(rounds, context)
    return done(`subscription ${context.environment.config.subscriptionId}`)
  },
  actions: () => [],
}
