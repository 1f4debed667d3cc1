import type { Subject } from '../../../infra/src/subject.ts'
import { askJson, type Call } from '../../calls/call.ts'
import { runUnless, type AzureContext } from '../context.ts'
import { calling, done, toDo, type Action, type AzureStep } from '../step.ts'
import { outputReader } from '../terraform/stack.ts'
import { readSubject, repositoriesOf, variablesOf, type Variable } from './variables.ts'

/** Tells GitHub's workflows registry and identities: by setting their variables, or by saying what is to be set. */
export const githubSettings: AzureStep = {
  name: 'github',
  title: 'Variables of GitHub',
  find: async (context) => {
    const variables = await readVariables(context)
    const repositories = repositoriesOf(context.environment).join(' and ')
    if (context.options.github === 'print') {
      context.notes.push(...toSetByHand(context, variables))
      return done(`printed below; --github set sets them in ${repositories}`)
    }
    const { wanted, held } = await withoutHeld(context, variables)
    const missing = await missingVariables(context, wanted)
    if (missing.length > 0) return toDo(`not set yet: ${missing.map(describe).join(', ')}`)
    for (const variable of held) {
      const isSet = (await missingVariables(context, [variable])).length === 0
      context.notes.push(reviewersNote(variable, isSet))
    }
    context.notes.push(`Set BASE_IMAGE of ${repositoryOfWorkflows(context)}: docs/ci.md`)
    return done(`${wanted.length} are set in ${repositories}`)
  },
  actions: async (context) => {
    const variables = await readVariables(context)
    if (context.options.github === 'print') {
      return toSetByHand(context, variables).map((text) => ({ text, perform: async () => undefined }))
    }
    const environmentsMade = await Promise.all(placesOf(variables).map((place) => environmentActions(context, place)))
    const { wanted } = await withoutHeld(context, variables)
    return [...environmentsMade.flat(), ...wanted.map((variable) => calling(setVariable(variable)))]
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

/** Windlass's own, where what is applied is kept; an app may be released from another. */
function repositoryOfWorkflows({ environment }: AzureContext): string {
  return readSubject(environment, 'applySubject').repository
}

/** What has variables: a repository, or an environment of one. */
type Place = Pick<Variable, 'repository' | 'environment'>

function placesOf(variables: readonly Place[]): readonly Place[] {
  return [...new Map(variables.map((place) => [describePlace(place), place])).values()]
}

function isSamePlace(one: Place, other: Place): boolean {
  return one.repository === other.repository && one.environment === other.environment
}

function describePlace({ repository, environment }: Place): string {
  return environment === undefined ? repository : `${repository} ${environment}`
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
async function withoutHeld(context: AzureContext, variables: readonly Variable[]): Promise<Sorted> {
  const apply = readSubject(context.environment, 'applySubject')
  const rules = (await findEnvironment(context, pathOf(apply)))?.protection_rules ?? []
  if (rules.some(({ type }) => type === 'required_reviewers')) return { wanted: variables, held: [] }
  const isHeld = (variable: Variable): boolean => isSamePlace(variable, apply) && variable.name === 'AZURE_CLIENT_ID'
  return { wanted: variables.filter((variable) => !isHeld(variable)), held: variables.filter(isHeld) }
}

function pathOf({ repository, environment }: Subject): string {
  return `repos/${repository}/environments/${environment}`
}

/** `gh variable list --json`: https://cli.github.com/manual/gh_variable_list */
async function missingVariables(context: AzureContext, variables: readonly Variable[]): Promise<readonly Variable[]> {
  const set: Variable[] = []
  for (const { repository, environment } of placesOf(variables)) {
    const scope = environment === undefined ? [] : ['--env', environment]
    const call: Call = {
      program: 'gh',
      args: ['variable', 'list', '--repo', repository, ...scope, '--json', 'name,value'],
    }
    const answer = await runUnless(context, call, /HTTP 404/)
    const listed =
      answer === undefined ? [] : (JSON.parse(answer.stdout) as readonly Pick<Variable, 'name' | 'value'>[])
    const place = { repository, ...(environment !== undefined && { environment }) }
    set.push(...listed.map((variable) => ({ ...variable, ...place })))
  }
  const isSet = (wanted: Variable): boolean =>
    set.some((known) => isSamePlace(known, wanted) && known.name === wanted.name && known.value === wanted.value)
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
  { repository, environment }: Place,
): Promise<readonly Action[]> {
  if (environment === undefined) return []
  const path = pathOf({ repository, environment })
  const policies = `${path}/deployment-branch-policies`
  const onlyMain = calling({
    program: 'gh',
    args: ['api', '--method', 'POST', policies, '--silent', '-f', 'name=main'],
  })
  const there = await findEnvironment(context, path)
  if (there !== undefined) return (await isHalfMade(context, there, policies)) ? [onlyMain] : []
  if (isSamePlace({ repository, environment }, readSubject(context.environment, 'planSubject'))) {
    return [calling({ program: 'gh', args: ['api', '--method', 'PUT', path, '--silent'] })]
  }
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

function setVariable({ repository, environment, name, value }: Variable): Call {
  const scope = environment === undefined ? [] : ['--env', environment]
  return { program: 'gh', args: ['variable', 'set', name, '--repo', repository, ...scope, '--body', value] }
}

function describe({ environment, name }: Variable): string {
  return environment === undefined ? name : `${environment} ${name}`
}

function toSetByHand(context: AzureContext, variables: readonly Variable[]): readonly string[] {
  const width = Math.max(...variables.map((variable) => describe(variable).length))
  return [
    ...repositoriesOf(context.environment).flatMap((repository) => [
      `Variables for ${repository}, by environment (docs/ci.md says how each environment is protected):`,
      ...variables
        .filter((variable) => variable.repository === repository)
        .map((variable) => `  ${describe(variable).padEnd(width)}  ${variable.value}`),
    ]),
    `  BASE_IMAGE, of the repository ${repositoryOfWorkflows(context)}, is yours to choose: docs/ci.md`,
    '  Give the environment that applies required reviewers before you set its AZURE_CLIENT_ID',
  ]
}

function reviewersNote({ repository, environment, name, value }: Variable, isSet: boolean): string {
  const why = `The environment ${environment} of ${repository} has no required reviewers`
  return isSet
    ? `${why}, and has ${name}: each push to main is applied. Give it some: docs/ci.md`
    : `${why}, so ${name} is not set there. Give it some, and type the same again to have it set; where your ` +
        `subscription to GitHub has none, set it by hand to ${value}, and each push to main is applied: docs/ci.md`
}
