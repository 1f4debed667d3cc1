import { dirname, join } from 'node:path'
import { destroyedBy } from '../../../infra/src/destroyed/destroyed.ts'
import type { StackName } from '../../../infra/src/stack.ts'
import { stackFile, stackNames } from '../../../infra/src/synth.ts'
import { askJson, commandLine, type Call } from '../../calls/call.ts'
import type { AzureContext } from '../context.ts'
import { Problem } from '../../calls/problem.ts'
import { calling, done, toDo, type Action, type AzureStep, type Found } from '../step.ts'

/** Where this environment is synthesized to on this machine. */
export function synthFolder({ folder }: AzureContext): string {
  return join(folder, 'synth')
}

/** A call of terraform or tofu in the folder of one stack. */
export function terraform(context: AzureContext, stack: StackName, ...args: readonly string[]): Call {
  const folder = dirname(stackFile(synthFolder(context), stack))
  return {
    program: context.options.terraform,
    args: [`-chdir=${folder}`, ...args],
    env: { TF_IN_AUTOMATION: '1' },
  }
}

/** Brings one stack to what its sources say. */
export function stackStep(stack: StackName, title: string): AzureStep {
  return {
    name: stack,
    title,
    find: (context) => findStack(context, stack),
    actions: (context) => applyActions(context, stack),
    // Whether a plan is empty right after is not asked: what Azure shows late would hold everything up.
    verify: async (context) => {
      const outputs = await readOutputs(context, stack)
      return done(`applied; it has ${Object.keys(outputs).length} outputs`)
    },
  }
}

const changesExitCode = 2

async function findStack(context: AzureContext, stack: StackName): Promise<Found> {
  context.synthesize(synthFolder(context))
  await assertStacksBefore(context, stack)
  await context.run(init(context, stack))
  // Without a lock, for nothing is written.
  const look = terraform(context, stack, 'plan', '-input=false', '-no-color', '-lock=false', '-detailed-exitcode')
  const { exitCode } = await context.run({ ...look, accept: [changesExitCode] })
  return exitCode === changesExitCode ? toDo('there is something to change') : done('nothing to change')
}

/** What `npm run synth` does, by its code. */
export function synthesizing(context: AzureContext): Action {
  const folder = synthFolder(context)
  return {
    text: `npm run synth -- --config ${context.environment.file} --out ${folder}`,
    perform: async () => context.synthesize(folder),
  }
}

export function init(context: AzureContext, stack: StackName): Call {
  return terraform(context, stack, 'init', '-input=false', '-no-color')
}

/** A plan of a stack reads the outputs of those before it; without them its own error names none of this. */
async function assertStacksBefore(context: AzureContext, stack: StackName): Promise<void> {
  for (const before of stackNames.slice(0, stackNames.indexOf(stack))) {
    if (Object.keys(await readOutputs(context, before)).length > 0) continue
    const why = `it stands on the stack ${before}, which is not applied`
    throw new Problem({ what: `stack ${stack}`, why, mend: 'type the same again: it begins with what is missing' })
  }
}

function applyActions(context: AzureContext, stack: StackName): readonly Action[] {
  const plan = terraform(context, stack, 'plan', '-input=false', '-no-color', '-out=plan.bin')
  const show = { ...terraform(context, stack, 'show', '-json', 'plan.bin'), isSecret: true } as const
  const apply = terraform(context, stack, 'apply', '-input=false', '-no-color', 'plan.bin')
  return [
    synthesizing(context),
    calling(init(context, stack)),
    calling(plan),
    {
      text: `${commandLine(show)}   (stops where anything would be deleted${deletable(context)})`,
      perform: () => assertDeletesNothing(context, stack, show),
    },
    calling(apply),
  ]
}

function deletable({ environment }: AzureContext): string {
  return environment.config.settings.protection.deleteLocks ? '' : ' but a lock against deletion'
}

/**
 * A bootstrap makes and changes; whoever wants something gone looks at the plan, and applies it by hand. Locks alone go by
 * it, where the environment is to have none.
 */
async function assertDeletesNothing(context: AzureContext, stack: StackName, show: Call): Promise<void> {
  const { deleteLocks } = context.environment.config.settings.protection
  const destroyed = destroyedBy(await askJson<unknown>(context.run, show), 'plan.bin').filter(
    (address) => deleteLocks || !address.startsWith('azurerm_management_lock.'),
  )
  if (destroyed.length === 0) return
  throw new Problem({
    what: `the plan of stack ${stack}`,
    why: `it deletes ${destroyed.join(', ')}`,
    mend: `where that is meant, apply it by hand: ${commandLine(terraform(context, stack, 'apply'))}; then type the same again`,
  })
}

export type Outputs = Readonly<Record<string, string>>

/** `terraform output -json`: https://developer.hashicorp.com/terraform/cli/commands/output */
export async function readOutputs(context: AzureContext, stack: StackName): Promise<Outputs> {
  await context.run(init(context, stack))
  const call = terraform(context, stack, 'output', '-json', '-no-color')
  const outputs = await askJson<Record<string, { readonly value: unknown }>>(context.run, call)
  return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, String(value)]))
}

/** One output of a stack that an earlier step applied; in a dry run a placeholder where it is not there yet. */
export async function readOutput(context: AzureContext, stack: StackName, name: string): Promise<string> {
  return (await outputReader(context, stack))(name)
}

/** The same for several of one stack, which is asked once. */
export async function outputReader(context: AzureContext, stack: StackName): Promise<(name: string) => string> {
  const outputs = await readOutputs(context, stack).catch((error: unknown): Outputs => {
    if (!context.isDryRun) throw error
    return {}
  })
  return (name) => {
    const value = outputs[name]
    if (value !== undefined) return value
    if (context.isDryRun) return `<${name} of stack ${stack}>`
    throw new Problem({
      what: `stack ${stack}`,
      why: `it has no output ${name}`,
      mend: `apply it anew: type the same again, or ${commandLine(terraform(context, stack, 'apply'))}`,
    })
  }
}
