import { Problem } from '../../calls/problem.ts'
import { predictorRepository, reconcilerRepository } from '../repositories.ts'
import type { Check } from './check.ts'

/** Without its name there, CI may not push to a repository, and nothing may read it: the last steps would wait in vain. */
export const repositories: Check = {
  what: 'repositories of the registry',
  look: async ({ environment: { config, file } }) => {
    const needed = [
      { name: predictorRepository, key: 'delivered', of: 'the predictor, which the Delivery takes from there' },
      { name: reconcilerRepository, key: 'platform', of: 'the reconciler' },
    ] as const
    return needed
      .filter(({ name, key }) => !config.repositories[key].includes(name))
      .map(({ name, key, of }) => {
        const why = `repositories.${key} has no '${name}', to which CI releases ${of}`
        const mend = 'name it there, and in no other list; what else you name may stay'
        return new Problem({ what: `the environment ${file}`, why, mend })
      })
  },
}
