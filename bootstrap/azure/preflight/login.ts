import { placeholdersOf } from '../environment.ts'
import { readAccount, readDirectory } from '../operator.ts'
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
          mend:
            "put your own there: 'az account show' prints the IDs of subscription and tenant, 'az ad group list' the groups; " +
            'docs/azure.md says what the others are',
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
    } else if ((account.homeTenantId ?? tenantId) !== tenantId) {
      // Delegated (Azure Lighthouse): roles in it are given to members of its own tenant.
      const mend = `make it tenantId in ${environment.file}, and az login --tenant ${account.homeTenantId}`
      problems.push(
        new Problem({ what, why: `it belongs to tenant ${account.homeTenantId}, not to ${tenantId}`, mend }),
      )
    }
    return problems
  },
}

/**
 * One person has another object ID in each tenant. Who types this is asked of the directory that is the Azure CLI's
 * default, which another login, or another tenant of the same one, may have been made since.
 */
export const directory: Check = {
  what: 'directory that the Azure CLI asks',
  look: async (context) => {
    const { subscriptionId, tenantId } = context.environment.config
    const [account, asked] = await Promise.all([readAccount(context), readDirectory(context)])
    const isSame = asked.tenantId === account.tenantId && asked.user.name === account.user.name
    if (isSame) return []
    return [
      new Problem({
        what: `login of ${account.user.name} in tenant ${account.tenantId}`,
        why: `the Azure CLI asks the directory as ${asked.user.name} of tenant ${asked.tenantId}, who has another object ID`,
        mend: `az login --tenant ${tenantId}, then az account set --subscription ${subscriptionId}`,
      }),
    ]
  },
}
