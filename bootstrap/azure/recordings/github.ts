import { json, type Recording } from './recording.ts'

const environments = ['dev-release', 'dev-retention', 'dev-plan', 'dev-apply'] as const
const path = (environment: string): string => `repos/fabrikam/windlass/environments/${environment}`
const list = (scope: string): string => `gh variable list --repo fabrikam/windlass ${scope}`.trim()

/** Of a repository that had nothing: what is listed is what was set last. */
export const githubRecordings: readonly Recording[] = [
  ...environments.flatMap((environment): readonly Recording[] => [
    // https://cli.github.com/manual/gh_variable_list
    {
      command: list(`--env ${environment}`),
      exitCode: 1,
      stderr: `failed to get variables: HTTP 404: Not Found (https://api.github.com/repos/fabrikam/windlass/environments/${environment}/variables?per_page=100)`,
    },
    {
      command: list(`--env ${environment}`),
      after: `gh api --method PUT ${path(environment)}`,
      stdout: '[]',
    },
    // https://docs.github.com/rest/deployments/environments#get-an-environment
    {
      command: `gh api ${path(environment)}`,
      exitCode: 1,
      stdout: json({ message: 'Not Found', status: '404' }),
      stderr: 'gh: Not Found (HTTP 404)',
    },
    {
      command: `gh api ${path(environment)}`,
      after: `gh api --method PUT ${path(environment)}`,
      stdout: json({
        id: 161088068,
        name: environment,
        protection_rules: [],
        deployment_branch_policy:
          environment === 'dev-plan' ? null : { protected_branches: false, custom_branch_policies: true },
      }),
    },
    { command: `gh api --method PUT ${path(environment)}` },
    {
      command: `gh api ${path(environment)}/deployment-branch-policies`,
      stdout: json({ total_count: 0, branch_policies: [] }),
    },
    {
      command: `gh api ${path(environment)}/deployment-branch-policies`,
      after: `gh api --method POST ${path(environment)}/deployment-branch-policies`,
      stdout: json({ total_count: 1, branch_policies: [{ id: 17, node_id: 'MDE2', name: 'main', type: 'branch' }] }),
    },
    { command: `gh api --method POST ${path(environment)}/deployment-branch-policies` },
  ]),
  { command: list('--json'), stdout: '[]' },
  { command: 'gh variable set' },
]
