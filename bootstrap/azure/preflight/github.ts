import { Problem } from '../../calls/problem.ts'
import { repositoriesOf } from '../github/variables.ts'
import type { Check } from './check.ts'

/** Environments and their variables are made by an administrator of a repository alone; where they are printed nobody is asked. */
export const github: Check = {
  what: 'repository on GitHub',
  look: async (context) => {
    if (context.options.github === 'print') return []
    const problems: Problem[] = []
    for (const repository of repositoriesOf(context.environment)) {
      // https://docs.github.com/rest/repos/repos#get-a-repository
      const args = ['api', `repos/${repository}`, '--jq', '.permissions.admin']
      const { stdout } = await context.run({ program: 'gh', args })
      if (stdout.trim() !== 'true') problems.push(notAdministered(repository))
    }
    return problems
  },
}

function notAdministered(repository: string): Problem {
  return new Problem({
    what: `repository ${repository}`,
    why: 'the login of gh does not administer it',
    mend: 'gh auth login as one who does, or leave --github set out: the variables are printed then',
  })
}
