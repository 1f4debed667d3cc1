import type { AzureContext } from '../context.ts'
import { login } from '../preflight/login.ts'
import { assertRounds } from '../preflight/check.ts'
import { programs } from '../preflight/programs.ts'
import { Problem } from '../../calls/problem.ts'
import { done, type AzureStep } from '../step.ts'

/** Whether this may be destroyed at all, by whoever types it. */
export const destroyPreflight: AzureStep = {
  name: 'preflight',
  title: 'Preflight: programs, login, locks',
  find: async (context) => {
    await assertRounds([[programs(({ options }) => ['az', options.terraform])], [login]], context)
    assertUnlocked(context)
    return done(`subscription ${context.environment.config.subscriptionId}`)
  },
  actions: () => [],
}

function assertUnlocked({ environment }: AzureContext): void {
  const { config, file, name } = environment
  if (!config.settings.protection.deleteLocks) return
  throw new Problem({
    what: `environment ${name}`,
    why: 'its registry and its state are locked against deletion (protection.deleteLocks)',
    mend: `override protection.deleteLocks with false in ${file}, apply that by npm run bootstrap -- azure --environment ${name}, then type the same again`,
  })
}
