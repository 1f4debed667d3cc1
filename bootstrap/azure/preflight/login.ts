import { placeholdersOf } from '../environment.ts'
import { readAccount } from '../operator.ts'
import { Problem } from '../../calls/problem.ts'
import type { Check } from './check.ts'

export const login: Check = {
  what: 'login and subscription',
  look: async (context) => {
    const { environment } = context
    const { subscriptionId, tenantId } = environment.config
    const placeholders = placeholdersOf(environment)
    if (placeholders.length > 0) {
      return [
        new Problem({
          what: `the environment ${environment.file}`,
          why: `${placeholders.join(', ')} are those of the example`,
          mend: "put your own there: 'az account show' prints the first two, 'az ad group list' the groups",
        }),
      ]
    }
    const account = await readAccount(context)
    const what = `subscription ${account.name} (${subscriptionId})`
    const problems: Problem[] = []
    if (account.state !== 'Enabled') {
      const mend =
        'have its owner enable it: https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states'
      problems.push(new Problem({ what, why: `its state is ${account.state}`, mend }))
    }
    if (account.tenantId !== tenantId) {
      const mend = `correct tenantId in ${environment.file}, or az login --tenant ${tenantId}`
      problems.push(new Problem({ what, why: `it is of tenant ${account.tenantId}, not of ${tenantId}`, mend }))
    }
    return problems
  },
}
