import { parse } from 'yaml'

/** As much of a workflow as the rules read; https://docs.github.com/actions/reference/workflow-syntax-for-github-actions */
export interface Workflow {
  readonly name: string
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions?: Permissions
  readonly env?: Readonly<Record<string, string>>
  readonly defaults?: unknown
  readonly concurrency?: { readonly group?: string }
  readonly jobs: Readonly<Record<string, Job>>
}

export interface Job {
  readonly if?: string
  readonly needs?: string | readonly string[]
  readonly 'runs-on'?: string
  readonly 'timeout-minutes'?: number
  readonly environment?: string
  readonly outputs?: Readonly<Record<string, string>>
  readonly permissions?: Permissions
  readonly env?: Readonly<Record<string, string>>
  readonly defaults?: unknown
  readonly steps: readonly Step[]
}

export interface Step {
  readonly id?: string
  readonly name?: string
  readonly if?: string
  readonly uses?: string
  readonly run?: string
  readonly shell?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
}

type Permissions = string | Readonly<Record<string, string>>

export function parseWorkflow(text: string): Workflow {
  return parse(text) as Workflow
}

/** The environment of infra/ that the workflows act on: the repository's variable names it. */
export const chosenEnvironment = "${{ vars.ENVIRONMENT || 'prod' }}"

/** What a job is given an identity for. */
interface Identity {
  /** That it must be in; each has a subject of its own in infra/. */
  readonly environment: string
  /** Whole first words of all that its scripts run: what else is started there could use the identity for something else. */
  readonly runs: readonly string[]
  readonly uses: readonly string[]
}

const launcher = 'node bootstrap/launch.mjs'
const everyJob = ['step-security/harden-runner', 'actions/checkout']
const terraform = (folder: string, ...commands: readonly string[]): readonly string[] =>
  commands.map((command) => `terraform -chdir="${folder}" ${command}`)
const changeStack = ['init', 'plan', 'show', 'apply'] as const

const identities: Readonly<Record<string, Identity>> = {
  'release.yml release': {
    environment: `${chosenEnvironment}-release`,
    runs: [
      ...['--help', 'push', 'password', 'attach', 'tag', 'lock'].map((command) => `${launcher} windlass ${command}`),
      'docker login',
      'echo',
    ],
    uses: [...everyJob, 'actions/download-artifact', 'azure/login', 'actions/attest'],
  },
  'retention.yml retain': {
    environment: `${chosenEnvironment}-retention`,
    runs: [`${launcher} windlass --help`, `${launcher} windlass retain`],
    uses: [...everyJob, 'azure/login'],
  },
  'infra.yml plan': {
    environment: `${chosenEnvironment}-plan`,
    runs: ['npm run synth', 'npm run infra:destroyed', ...terraform('$STACK', 'init', 'plan', 'show'), 'echo'],
    uses: [...everyJob, 'hashicorp/setup-terraform', 'actions/upload-artifact'],
  },
  'infra.yml apply': {
    environment: `${chosenEnvironment}-apply`,
    runs: [
      'npm run synth',
      'npm run infra:destroyed',
      ...terraform('$STACKS/platform', ...changeStack),
      ...terraform('$STACKS/cluster', ...changeStack),
    ],
    uses: [...everyJob, 'hashicorp/setup-terraform', 'actions/download-artifact'],
  },
}

/**
 * When a job of a workflow for pull requests may have an identity. Whose pull request it is counts, and not who ran it
 * last, which is `github.actor`: a person may run one of Dependabot's again.
 */
const trusted: ReadonlySet<string | undefined> = new Set([
  "github.event_name == 'push'",
  "github.event_name == 'push' || (github.event.pull_request.head.repo.full_name == github.repository && " +
    "github.event.pull_request.user.login != 'dependabot[bot]')",
])

/** What a job of any workflow may be permitted, beside an identity. */
const grants: ReadonlySet<string> = new Set([
  'contents: read',
  'actions: read',
  'security-events: write',
  'id-token: write',
  'attestations: write',
  'artifact-metadata: write',
])

/** Programs and actions by which a cluster is reached, or one's credentials are had. */
const reachesCluster =
  /\b(kubectl|kubelogin|kubeconfig|helm|helmfile|kustomize|argocd|flux)\b|\baz +aks\b|azure\/(aks-|k8s-|setup-kubectl|setup-helm)|invoke-azure-aks|\bdeploy(ment)?\b/i

/** All that a workflow breaks of the rules which none may break, each said in words. */
export function workflowProblems(file: string, text: string): readonly string[] {
  const workflow = parseWorkflow(text)
  const jobs = Object.entries(workflow.jobs).map(([name, job]) => ({ name, job }))
  return [
    ...topProblems(workflow),
    ...jobs.flatMap(({ name, job }) => jobProblems(file, name, job, workflow)),
    ...unpinned(text),
    ...secrets(text),
  ].map((problem) => `${file}: ${problem}`)
}

function topProblems({ permissions, concurrency, on }: Workflow): readonly string[] {
  const problems: string[] = []
  if (JSON.stringify(permissions) !== '{}') problems.push('its permissions are not {} at the top')
  if (!concurrency?.group?.includes('${{ github.ref }}')) problems.push('it may run twice at once for one ref')
  for (const event of ['pull_request_target', 'workflow_run', 'issue_comment']) {
    if (event in on) problems.push(`${event} runs what others wrote with the rights of this repository`)
  }
  return problems
}

function jobProblems(file: string, name: string, job: Job, workflow: Workflow): readonly string[] {
  const problems: string[] = []
  const { permissions, steps } = job
  if (typeof permissions !== 'object') problems.push('has no permissions of its own')
  const granted = Object.entries(typeof permissions === 'object' ? permissions : {}).map((pair) => pair.join(': '))
  const wide = granted.filter((grant) => !grants.has(grant))
  if (wide.length > 0) problems.push(`has ${wide.join(', ')}`)
  const identity = identities[`${file} ${name}`]
  if (granted.includes('id-token: write') !== (identity !== undefined)) problems.push('has an identity, or lacks one')
  const environment = identity?.environment
  if (job.environment !== environment) problems.push(`is in the environment ${job.environment}, not ${environment}`)
  if (job['runs-on'] !== 'ubuntu-24.04') problems.push('runs on another machine than ubuntu-24.04')
  if (job['timeout-minutes'] === undefined) problems.push('has no bound on its time')
  if (identity !== undefined && 'pull_request' in workflow.on && !trusted.has(job.if)) {
    problems.push('gives its identity to pull requests of forks or of Dependabot')
  }
  problems.push(...stepProblems(steps), ...hiddenPrograms(job, workflow))
  if (identity !== undefined) problems.push(...steps.flatMap((step, index) => foreign(step, index, identity)))
  problems.push(...shutHosts(granted, steps).map((host) => `can not reach ${host}`))
  return problems.map((problem) => `job ${name} ${problem}`)
}

function stepProblems(steps: readonly Step[]): readonly string[] {
  const problems: string[] = []
  const [first] = steps
  const isHardened =
    first?.uses?.startsWith('step-security/harden-runner@') && first.with?.['egress-policy'] === 'block'
  if (!isHardened) problems.push('does not begin by shutting the way out')
  for (const [index, { uses = '', run = '', with: inputs = {} }] of steps.entries()) {
    const name = `step ${index + 1}`
    if (uses.startsWith('actions/checkout@') && inputs['persist-credentials'] !== false) {
      problems.push(`leaves its token in the checkout (${name})`)
    }
    if (run.includes('${{')) problems.push(`has an expression within a script, where it must be in env (${name})`)
    if (reachesCluster.test(`${uses}\n${run}`)) problems.push(`reaches for a cluster (${name})`)
  }
  return problems
}

/** By which a script starts more than stands in it, or something else by the same name. */
const startsMore = /^(PATH|BASH_ENV|ENV|LD_.*|NODE_OPTIONS|PYTHON.*|GIT_.*|npm_config_.*)$/i

function hiddenPrograms({ env, defaults, steps }: Job, workflow: Workflow): readonly string[] {
  const set = [workflow.env, env, ...steps.map((step) => step.env)].flatMap((variables) => Object.keys(variables ?? {}))
  const shells = steps.flatMap(({ shell }) => (shell === undefined || shell === 'bash' ? [] : [shell]))
  return [
    ...set.filter((name) => startsMore.test(name)).map((name) => `sets ${name}, by which other programs are started`),
    ...shells.map((shell) => `runs a script by another shell: ${shell}`),
    ...(defaults === undefined && workflow.defaults === undefined ? [] : ['has defaults, by which scripts run']),
  ]
}

/** What a step starts, or uses, that its job's identity is not for. */
function foreign({ run = '', uses = '' }: Step, index: number, identity: Identity): readonly string[] {
  const isKnown = (command: string): boolean =>
    identity.runs.some((known) => command === known || command.startsWith(`${known} `))
  const [action = ''] = uses.split('@')
  const others = [
    ...commandsOf(run).filter((command) => !isKnown(command)),
    ...(action === '' || identity.uses.includes(action) ? [] : [action]),
  ]
  return others.map((other) => `starts what its identity is not for: ${other} (step ${index + 1})`)
}

/** Each command of a script, by all that may divide two; what is divided within quotes is taken for more, never for less. */
function commandsOf(script: string): readonly string[] {
  return script
    .replaceAll(/\\\n\s*/g, ' ')
    .split(/\n|[|&;`()]|\$\(/)
    .map((part) => part.trim().replace(/^\w+=(\$|$)/, ''))
    .filter((part) => part !== '')
}

/** What a list of hosts forgets easily: GitHub's own, of identities, artifacts and signatures, and where Docker Hub's layers are. */
function shutHosts(granted: readonly string[], steps: readonly Step[]): readonly string[] {
  const uses = (action: RegExp): boolean => steps.some((step) => action.test(step.uses ?? ''))
  const takesArtifacts = uses(/^actions\/(upload|download)-artifact@/)
  const needed = [
    ...(takesArtifacts || granted.includes('id-token: write') ? ['*.actions.githubusercontent.com:443'] : []),
    ...(takesArtifacts ? ['productionresultssa*.blob.core.windows.net:443'] : []),
    // Of a public repository, and of a private one.
    ...(uses(/^actions\/attest@/) ? ['fulcio.sigstore.dev:443', 'rekor.sigstore.dev:443'] : []),
    ...(uses(/^actions\/attest@/) ? ['fulcio.githubapp.com:443', 'timestamp.githubapp.com:443'] : []),
  ]
  const hosts = steps[0]?.with?.['allowed-endpoints']
  const open = typeof hosts === 'string' ? hosts.split(/\s+/) : []
  const layers = open.includes('registry-1.docker.io:443') ? layerHosts : []
  return [...needed, ...layers].filter((host) => !open.includes(host))
}

/** Which of them is answered with differs from day to day. */
const layerHosts: readonly string[] = [
  'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com:443',
  'production.cloudflare.docker.com:443',
  'production.cloudfront.docker.com:443',
]

/** By the whole commit, with the version that it was for people and for what proposes a newer one. */
function unpinned(text: string): readonly string[] {
  return [...text.matchAll(/^ *(?:- )?uses: *(.*)$/gm)]
    .map(([, value = '']) => value)
    .filter((value) => !/^[\w.-]+(\/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(value))
    .map((value) => `${value} is not pinned by its commit, with its version behind it`)
}

function secrets(text: string): readonly string[] {
  return /\bsecrets\b/.test(text) ? ['it reads a secret; every identity here is by OIDC'] : []
}
