// `npm run bootstrap -- azure --environment NAME`: an environment on Azure, once, from an empty subscription.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { synthesize } from '../../infra/src/synth.ts'
import { bootstrapSteps } from '../azure/bootstrap.ts'
import { isConfirmed } from '../azure/confirm.ts'
import type { AzureContext, BootstrapOptions } from '../azure/context.ts'
import { destroySteps } from '../azure/destroy/destroy.ts'
import { planSteps } from '../azure/dry-run.ts'
import { readEnvironment } from '../azure/environment.ts'
import { explained } from '../azure/explained.ts'
import { listed } from '../azure/run-steps.ts'
import type { AzureStep } from '../azure/step.ts'
import { kubePrometheusStack, traefik } from '../azure/steps/charts.ts'
import { logCalls } from '../calls/call-log.ts'
import { maskSecrets } from '../calls/mask.ts'
import { processRunner } from '../calls/process-runner.ts'
import { stateDir } from '../local/paths.ts'
import { runListed } from '../progress/list.ts'

interface Typed extends Partial<BootstrapOptions> {
  readonly environment: string
  readonly dryRun?: true
}

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    console.error('\nInterrupted: what runs is let come to an end that it can go on from; that may take minutes.')
    interruption.abort(new Error(`interrupted by ${signal}`))
  })
}

const description =
  'Bring an environment of infra/environments up on Azure; what is there already is left as it is. With destroy, take ' +
  'it down with everything that is in it.'

await new Command('npm run bootstrap --')
  .description(description)
  .addArgument(new Argument('<platform>', 'where').choices(['azure']))
  .addArgument(new Argument('[action]', 'take it down instead').choices(['destroy']))
  .requiredOption('--environment <name>', 'which of infra/environments')
  .option('--dry-run', 'print what would be done, and change nothing')
  .addOption(new Option('--terraform <program>', 'the one that is on PATH if not given').choices(['terraform', 'tofu']))
  .addOption(new Option('--github <how>', "the workflows' variables").choices(['print', 'set']).default('print'))
  .option('--image <reference@digest>', "the reconciler's; the newest release of the registry if not given", byDigest)
  .showHelpAfterError()
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .action((_: string, action: 'destroy' | undefined, typed: Typed) =>
    act(() => (action === 'destroy' ? takeDown(typed) : bootstrap(typed))),
  )
  .parseAsync()

function byDigest(reference: string): string {
  if (/^[^\s@]+@sha256:[0-9a-f]{64}$/.test(reference)) return reference
  throw new InvalidArgumentError('It must name an image by its digest: REGISTRY/REPOSITORY@sha256:…')
}

async function bootstrap(typed: Typed): Promise<void> {
  const context = await makeContext(typed)
  if (typed.dryRun) await print(bootstrapSteps, context)
  else await perform(bootstrapSteps, context)
}

async function takeDown(typed: Typed): Promise<void> {
  const context = await makeContext(typed)
  if (typed.dryRun) return print(destroySteps, context)
  const { name, names, config } = context.environment
  const question =
    `This destroys environment ${name} in subscription ${config.subscriptionId}: the cluster ${names.cluster}, the ` +
    `registry ${names.registry} with every release in it, all logs, and the state. Nothing of it comes back.`
  const { signal } = context
  if (await isConfirmed(question, name, { input: process.stdin, output: process.stdout, signal })) {
    return perform(destroySteps, context)
  }
  console.error('That was not it: nothing was destroyed.')
  process.exitCode = 1
}

async function print(steps: readonly AzureStep[], context: AzureContext): Promise<void> {
  const { lines, ok } = await planSteps(steps, context)
  console.log([...lines, '', ...context.notes].join('\n'))
  if (ok) return
  console.error('\nNothing was changed. The preflight has to be mended before this can be done.')
  process.exitCode = 1
}

async function perform(steps: readonly AzureStep[], context: AzureContext): Promise<void> {
  const results = await runListed(listed(steps, context))
  const isDone = results.length === steps.length && results.every(({ ok }) => ok)
  const failed = results.filter(({ ok }) => !ok)
  for (const { name, detail } of failed) console.error(`\nStep ${name} did not come to its end.\n${detail}`)
  if (context.notes.length > 0) console.log(`\n${context.notes.join('\n')}`)
  console.log(`\nEvery call is in ${join(context.folder, 'logs')}, without secrets.`)
  process.exitCode = isDone ? 0 : context.signal.aborted ? 130 : 1
}

async function makeContext(typed: Typed): Promise<AzureContext> {
  const environment = await readEnvironment(typed.environment)
  const folder = stateDir('azure', environment.name)
  const { signal } = interruption
  const file = join(folder, 'logs', `${new Date().toISOString().replaceAll(':', '-')}.jsonl`)
  const logged = logCalls(processRunner(signal), { file, mask: maskSecrets(process.env) })
  return {
    environment,
    options: {
      terraform: typed.terraform ?? (isOnPath('terraform') ? 'terraform' : 'tofu'),
      github: typed.github ?? 'print',
      ...(typed.image !== undefined && { image: typed.image }),
    },
    run: explained(logged, environment),
    isDryRun: typed.dryRun === true,
    signal,
    folder,
    synthesize: (to) => synthesize(environment.config, to),
    charts: { ingress: traefik, prometheus: kubePrometheusStack },
    placement: {},
    everyMs: 5_000,
    notes: [],
  }
}

function isOnPath(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Fails with the message alone: a person reads it, and it says what to do. */
async function act(action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    console.error(interruption.signal.aborted ? 'Interrupted.' : error.message)
    process.exitCode = interruption.signal.aborted ? 130 : 1
  }
}
