import { askJson, type Call } from '../../calls/call.ts'
import { runUnless, type AzureContext } from '../context.ts'
import { Problem } from '../../calls/problem.ts'
import { calling, done, toDo, type Action, type AzureStep } from '../step.ts'
import { outputReader } from '../terraform/stack.ts'
import { parseSubject, variablesOf, type Variable } from './variables.ts'

/** Tells GitHub's workflows registry and identities: by setting their variables, or by saying what is to be set. */
export const githubSettings: AzureStep = {
  name: 'github',
  title: 'Variables of GitHub',
  find: async (context) => {
    const variables = await readVariables(context)
    const repository = repositoryOf(context)
    if (context.options.github === 'print') {
      context.notes.push(...toSetByHand(repository, variables))
      return done(`printed below; --github set sets them in ${repository}`)
    }
    const { wanted, held } = await withoutHeld(context, repository, variables)
    const missing = await missingVariables(context, repository, wanted)
    if (missing.length > 0) return toDo(`not set yet: ${missing.map(describe).join(', ')}`)
    for (const variable of held) {
      const isSet = (await missingVariables(context, repository, [variable])).length === 0
      context.notes.push(reviewersNote(repository, variable, isSet))
    }
    context.notes.push(`Set BASE_IMAGE of ${repository}: docs/ci.md`)
    return done(`${wanted.length} are set in ${repository}`)
  },
  actions: async (context) => {
    const repository = repositoryOf(context)
    const variables = await readVariables(context)
    if (context.options.github === 'print') {
      return toSetByHand(repository, variables).map((text) => ({ text, perform: async () => undefined }))
    }
    const environments = [...new Set(variables.flatMap(({ environment }) => environment ?? []))]
    const environmentsMade = await Promise.all(
      environments.map((environment) => environmentActions(context, repository, environment)),
    )
    const { wanted } = await withoutHeld(context, repository, variables)
    return [...environmentsMade.flat(), ...wanted.map((variable) => calling(setVariable(repository, variable)))]
  },
}

async function readVariables(context: AzureContext): Promise<readonly Variable[]> {
  const ofPlatform = await outputReader(context, 'platform')
  const ofBase = await outputReader(context, 'base')
  const clientIds = {
    release: ofPlatform('ci-push-client-id'),
    retention: ofPlatform('ci-retention-client-id'),
    plan: ofBase('pipeline-plan-client-id'),
    apply: ofBase('pipeline-apply-client-id'),
  }
  return variablesOf(context.environment, clientIds, ofPlatform('registry-host'))
}

/** The repository whose jobs the subjects are of. */
export function repositoryOf({ environment }: AzureContext): string {
  const { releaseSubject } = environment.config.github
  const subject = parseSubject(releaseSubject)
  if (subject !== undefined) return subject.repository
  throw new Problem({
    what: `github.releaseSubject in ${environment.file}`,
    why: `'${releaseSubject}' is not that of an environment of a repository`,
    mend: "write 'repo:OWNER/REPOSITORY:environment:NAME', as the repository's tokens have it",
  })
}

interface Sorted {
  readonly wanted: readonly Variable[]
  /** What is not set yet. */
  readonly held: readonly Variable[]
}

/**
 * Holds back whom the pipeline applies as, until its environment has reviewers: with that identity, and nobody to ask, each
 * push to main would be applied.
 */
async function withoutHeld(context: AzureContext, repository: string, variables: readonly Variable[]): Promise<Sorted> {
  const apply = parseSubject(context.environment.config.github.applySubject)?.environment
  const path = `repos/${repository}/environments/${apply}`
  const rules = (await findEnvironment(context, path))?.protection_rules ?? []
  if (rules.some(({ type }) => type === 'required_reviewers')) return { wanted: variables, held: [] }
  const isHeld = ({ environment, name }: Variable): boolean => environment === apply && name === 'AZURE_CLIENT_ID'
  return { wanted: variables.filter((variable) => !isHeld(variable)), held: variables.filter(isHeld) }
}

/** `gh variable list --json`: https://cli.github.com/manual/gh_variable_list */
async function missingVariables(
  context: AzureContext,
  repository: string,
  variables: readonly Variable[],
): Promise<readonly Variable[]> {
  const set: Variable[] = []
  for (const environment of new Set(variables.map((variable) => variable.environment))) {
    const scope = environment === undefined ? [] : ['--env', environment]
    const call: Call = {
      program: 'gh',
      args: ['variable', 'list', '--repo', repository, ...scope, '--json', 'name,value'],
    }
    const answer = await runUnless(context, call, /HTTP 404/)
    const listed = answer === undefined ? [] : (JSON.parse(answer.stdout) as readonly Variable[])
    set.push(...listed.map((variable) => ({ ...variable, ...(environment !== undefined && { environment }) })))
  }
  const isSet = (wanted: Variable): boolean =>
    set.some(
      ({ environment, name, value }) =>
        environment === wanted.environment && name === wanted.name && value === wanted.value,
    )
  return variables.filter((variable) => !isSet(variable))
}

/** https://docs.github.com/rest/deployments/environments#get-an-environment */
interface Environment {
  readonly protection_rules?: readonly { readonly type: string }[]
  readonly deployment_branch_policy: { readonly custom_branch_policies: boolean } | null
}

/**
 * Makes an environment that is not there, for the branch main alone but where a plan runs on pull requests. One that is
 * there is left as it is: the request that makes one would take reviewers and other rules from it.
 */
async function environmentActions(
  context: AzureContext,
  repository: string,
  environment: string,
): Promise<readonly Action[]> {
  const path = `repos/${repository}/environments/${environment}`
  const policies = `${path}/deployment-branch-policies`
  const onlyMain = calling({
    program: 'gh',
    args: ['api', '--method', 'POST', policies, '--silent', '-f', 'name=main'],
  })
  const there = await findEnvironment(context, path)
  if (there !== undefined) return (await isHalfMade(context, there, policies)) ? [onlyMain] : []
  const isPlan = parseSubject(context.environment.config.github.planSubject)?.environment === environment
  if (isPlan) return [calling({ program: 'gh', args: ['api', '--method', 'PUT', path, '--silent'] })]
  const policy = ['protected_branches=false', 'custom_branch_policies=true']
  const fields = policy.flatMap((field) => ['-F', `deployment_branch_policy[${field.replace('=', ']=')}`])
  return [calling({ program: 'gh', args: ['api', '--method', 'PUT', path, '--silent', ...fields] }), onlyMain]
}

async function findEnvironment(context: AzureContext, path: string): Promise<Environment | undefined> {
  const answer = await runUnless(context, { program: 'gh', args: ['api', path] }, /HTTP 404/).catch(
    (error: unknown) => {
      if (!context.isDryRun) throw error
      return undefined
    },
  )
  return answer && (JSON.parse(answer.stdout) as Environment)
}

/** What a run that was interrupted leaves: no branch is named that may deploy, so that none may. */
async function isHalfMade(context: AzureContext, there: Environment, policies: string): Promise<boolean> {
  if (there.deployment_branch_policy?.custom_branch_policies !== true) return false
  const list: Call = { program: 'gh', args: ['api', policies] }
  return (await askJson<{ readonly total_count: number }>(context.run, list)).total_count === 0
}

function setVariable(repository: string, { environment, name, value }: Variable): Call {
  const scope = environment === undefined ? [] : ['--env', environment]
  return { program: 'gh', args: ['variable', 'set', name, '--repo', repository, ...scope, '--body', value] }
}

function describe({ environment, name }: Variable): string {
  return environment === undefined ? name : `${environment} ${name}`
}

function toSetByHand(repository: string, variables: readonly Variable[]): readonly string[] {
  const width = Math.max(...variables.map((variable) => describe(variable).length))
  return [
    `Variables for ${repository}, by environment (docs/ci.md says how each environment is protected):`,
    ...variables.map((variable) => `  ${describe(variable).padEnd(width)}  ${variable.value}`),
    '  Give the environment that applies required reviewers before you set its AZURE_CLIENT_ID',
    '  BASE_IMAGE, of the repository, is yours to choose: docs/ci.md',
  ]
}

function reviewersNote(repository: string, { environment, name, value }: Variable, isSet: boolean): string {
  const why = `The environment ${environment} of ${repository} has no required reviewers`
  return isSet
    ? `${why}, and has ${name}: each push to main is applied. Give it some: docs/ci.md`
    : `${why}, so ${name} is not set there. Give it some, and type the same again to have it set; where your ` +
        `subscription to GitHub has none, set it by hand to ${value}, and each push to main is applied: docs/ci.md`
}
