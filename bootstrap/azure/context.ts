import { join } from 'node:path'
import { argumentsOf, type Call, type CallOptions, type Runner } from '../calls/call.ts'
import { failureOf } from '../calls/explained.ts'
import type { ReconcilerPlacement } from '../cluster/reconciler.ts'
import type { ExecResult } from '../local/backend.ts'
import type { AzureEnvironment } from './environment.ts'
import type { Chart } from './steps/charts.ts'

/** What a person asked for. */
export interface BootstrapOptions {
  /** Which of the two is run. */
  readonly terraform: 'terraform' | 'tofu'
  /** Whether the variables of GitHub are set, or printed for a person to set. */
  readonly github: 'print' | 'set'
  /** The reconciler's image by digest; the newest release of the registry where none is named. */
  readonly image?: string
}

/** What the steps share. */
export interface AzureContext {
  readonly environment: AzureEnvironment
  readonly options: BootstrapOptions
  readonly run: Runner
  /** Nothing is changed: what is not known yet may stand as a placeholder. */
  readonly isDryRun: boolean
  readonly signal: AbortSignal
  /** Of this environment on this machine: what was synthesized, the kubeconfig, the logs. Nothing in it is needed. */
  readonly folder: string
  /** Writes what Terraform reads into a folder: infra's own code. */
  readonly synthesize: (folder: string) => void
  readonly charts: { readonly ingress: Chart; readonly prometheus: Chart }
  /** What the reconciler is given beyond what Azure has by itself; for tests on another cluster. */
  readonly placement: Pick<ReconcilerPlacement, 'environment' | 'volumes' | 'volumeMounts' | 'nameServers'>
  /** How often what takes its time is looked at again. */
  readonly everyMs: number
  /** What a person has to know or do in the end. */
  readonly notes: string[]
}

export function kubeconfigOf({ folder }: AzureContext): string {
  return join(folder, 'kubeconfig')
}

/** A call of the Azure CLI in the environment's subscription that answers with JSON. */
export function az(
  { environment }: Pick<AzureContext, 'environment'>,
  command: string,
  options: CallOptions = {},
): Call {
  return azDirectory(command, { ...options, subscription: environment.config.subscriptionId })
}

/** The same where no subscription is meant: the directory. */
export function azDirectory(command: string, options: CallOptions = {}): Call {
  const args = argumentsOf(command, { ...options, 'only-show-errors': true, output: 'json' })
  return { program: 'az', args }
}

export function kubectl(context: AzureContext, command: string, options: CallOptions = {}): Call {
  return { program: 'kubectl', args: argumentsOf(command, { kubeconfig: kubeconfigOf(context), ...options }) }
}

export function helm(context: AzureContext, command: string, options: CallOptions = {}): Call {
  return { program: 'helm', args: argumentsOf(command, { kubeconfig: kubeconfigOf(context), ...options }) }
}

/** Runs a call of which one failure is an answer: undefined where its error says so. */
export async function runUnless(context: AzureContext, call: Call, isNo: RegExp): Promise<ExecResult | undefined> {
  try {
    return await context.run(call)
  } catch (error) {
    const failure = failureOf(error)
    if (failure?.exitCode !== undefined && answers.has(failure.exitCode) && isNo.test(failure.stderr)) return undefined
    throw error
  }
}

const answers: ReadonlySet<number> = new Set([1, 2, 3, 4])
