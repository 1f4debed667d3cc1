import type { AzureContext } from '../context.ts'
import { Problems, type Problem } from '../../calls/problem.ts'
import { done, type AzureStep } from '../step.ts'
import { problemsOf, type Check } from './check.ts'
import { kubernetesVersion } from './kubernetes-version.ts'
import { directory, login } from './login.ts'
import { worldwideNames } from './names.ts'
import { administration, permissions } from './permissions.ts'
import { programs, programsOf } from './programs.ts'
import { quota } from './quota.ts'

/** Each needs the ones before it; within one all are looked at, and all that is wrong is told at once. */
const rounds: readonly (readonly Check[])[] = [
  [programs(programsOf)],
  [login],
  [directory],
  [permissions, administration, quota, kubernetesVersion, worldwideNames],
]

/** Looks at all that must be so; changes nothing. */
export const preflight: AzureStep = {
  name: 'preflight',
  title: 'Preflight: programs, login, permissions, quota, names',
  find: async (context) => {
    for (const round of rounds) {
      const problems = await problemsOfRound(round, context)
      if (problems.length > 0) throw new Problems(problems)
    }
    return done(`subscription ${context.environment.config.subscriptionId}`)
  },
  actions: () => [],
}

async function problemsOfRound(round: readonly Check[], context: AzureContext): Promise<readonly Problem[]> {
  return (await Promise.all(round.map((check) => problemsOf(check, context)))).flat()
}
