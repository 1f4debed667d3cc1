import type { Program } from '../../calls/call.ts'
import type { AzureContext } from '../context.ts'
import { Problem } from '../../calls/problem.ts'
import { isAtLeast } from '../../local/version.ts'
import type { Check } from './check.ts'

interface Needed {
  readonly args: readonly string[]
  /** The version in what it prints. */
  readonly version: RegExp
  readonly oldest: string
  readonly install: string
}

/** What each is asked for its version by, and the oldest that has what the steps use. */
const needed: Readonly<Record<Program, Needed>> = {
  az: {
    args: ['version', '--output', 'json'],
    version: /"azure-cli": "(\d+)\.(\d+)/,
    oldest: '2.70',
    install: 'https://learn.microsoft.com/cli/azure/install-azure-cli',
  },
  terraform: {
    args: ['version', '-json'],
    version: /"terraform_version":\s*"(\d+)\.(\d+)/,
    oldest: '1.11',
    install: 'https://developer.hashicorp.com/terraform/install, or OpenTofu and --terraform tofu',
  },
  tofu: {
    args: ['version', '-json'],
    version: /"terraform_version":\s*"(\d+)\.(\d+)/,
    oldest: '1.11',
    install: 'https://opentofu.org/docs/intro/install, or Terraform and --terraform terraform',
  },
  kubectl: {
    args: ['version', '--client', '--output=json'],
    version: /"gitVersion":\s*"v(\d+)\.(\d+)/,
    oldest: '1.32',
    install: 'az aks install-cli',
  },
  kubelogin: {
    args: ['--version'],
    version: /v(\d+)\.(\d+)/,
    oldest: '0.1',
    install: 'az aks install-cli',
  },
  helm: {
    args: ['version', '--template', '{{.Version}}'],
    version: /v(\d+)\.(\d+)/,
    oldest: '4.0',
    install: 'https://helm.sh/docs/intro/install',
  },
  gh: {
    args: ['--version'],
    version: /gh version (\d+)\.(\d+)/,
    oldest: '2.40',
    install: 'https://cli.github.com, or leave --github set out: the variables are printed then',
  },
}

/** Looks whether programs are there, and new enough. */
export function programs(wanted: (context: AzureContext) => readonly Program[]): Check {
  return {
    what: 'programs',
    look: async (context) => {
      const found = await Promise.all(wanted(context).map((program) => problemOf(context, program)))
      return found.filter((problem) => problem !== undefined)
    },
  }
}

/** What a bootstrap starts. */
export function programsOf({ options }: AzureContext): readonly Program[] {
  const always = ['az', options.terraform, 'kubectl', 'kubelogin', 'helm'] as const
  return options.github === 'set' ? [...always, 'gh'] : always
}

async function problemOf({ run, signal }: AzureContext, program: Program): Promise<Problem | undefined> {
  const { args, version, oldest, install } = needed[program]
  const wanted = `${oldest} or newer is needed`
  try {
    const { stdout } = await run({ program, args })
    const [text = stdout.slice(0, 80), major = 0, minor = 0] = version.exec(stdout) ?? []
    if (isAtLeast(`${major}.${minor}`, oldest)) return undefined
    return new Problem({ what: program, why: `${wanted}; it says ${text}`, mend: install })
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof Problem)) throw error
    return new Problem({ what: program, why: `${wanted}, and it can not be run`, mend: `install it: ${install}` })
  }
}
