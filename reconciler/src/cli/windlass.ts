#!/usr/bin/env node
import { Command } from 'commander'
import { Agent } from 'undici'
import { AppError } from '../core/errors.ts'
import { defaultAudience, defaultLimits } from '../registry/acr.ts'
import { RegistryConnection } from '../registry/registry-connection.ts'
import { attach, AttachRefused, type AttachRequest } from './attach.ts'
import { credentialFrom } from './credential.ts'
import { withRetries } from './retry.ts'

interface AttachFlags {
  readonly image: string
  readonly revision: string
  readonly tag?: string
  readonly namespace?: string
  readonly serviceAccount?: string
}

const program = new Command('windlass').description('Releases that a cluster pulls for itself.')

program
  .command('attach')
  .description('attach the manifests of a folder to an image, after the checks that the reconciler makes')
  .argument('<folder>', 'manifests: every .yaml, .yml and .json below it')
  .requiredOption('--image <reference>', 'REGISTRY/REPOSITORY@DIGEST of the image, or of its index')
  .requiredOption('--revision <sha>', 'the full SHA of the commit')
  .option('--tag <sha>', 'set this tag, the revision, as the last step')
  .option('--namespace <name>', 'where the Delivery is, to refuse objects of another namespace')
  .option('--service-account <name>', 'what the Delivery deploys as, to refuse pods that would run as it')
  .addHelpText(
    'after',
    `
Signs in with the token in AZURE_FEDERATED_TOKEN_FILE (with AZURE_CLIENT_ID and AZURE_TENANT_ID), else as the Azure CLI.
Prints the digest of the bundle. Attaching the same manifests again does nothing.`,
  )
  .action((folder: string, flags: AttachFlags) => run({ folder, ...flags }))

await program.parseAsync()

async function run(request: AttachRequest): Promise<void> {
  const controller = new AbortController()
  const dispatcher = new Agent()
  const stop = () => controller.abort(new Error('interrupted'))
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const { signal } = controller
  const connect = (registry: string) =>
    new RegistryConnection({
      registry,
      credential: credentialFrom(process.env),
      dispatcher,
      lifetime: signal,
      limits: defaultLimits,
      audience: process.env['WINDLASS_REGISTRY_AUDIENCE'] ?? defaultAudience,
    })
  try {
    const digest = await withRetries(() => attach(request, { connect, say, signal }), say, signal)
    process.stdout.write(`${digest}\n`)
  } catch (error) {
    process.exitCode = 1
    report(error)
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
    await dispatcher.destroy()
  }
}

function report(error: unknown): void {
  if (error instanceof AttachRefused) {
    for (const problem of error.problems) say(problem)
  } else if (error instanceof AppError) {
    say(`${error.reason}: ${error.message}`)
  } else if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    say(error.message)
  } else {
    throw error
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
