#!/usr/bin/env node
import { Command, Option } from 'commander'
import { attach, type AttachRequest } from './attach.ts'
import { lock } from './lock.ts'
import { registryPassword } from './registry-password.ts'
import { push } from './push.ts'
import type { ReleaseRequest } from './release-target.ts'
import { retain } from './retain.ts'
import { runCommand } from './run-command.ts'
import { tagRelease } from './tag.ts'
import { tagPattern } from './tag-pattern.ts'

const program = new Command('windlass').description('Releases that a cluster pulls for itself.')

program
  .command('push')
  .description('push an image by digest, as a builder wrote it, without a tag')
  .argument('<layout>', 'folder with one image or index, laid out as OCI says')
  .requiredOption('--to <repository>', 'REGISTRY/REPOSITORY')
  .requiredOption('--revision <sha>', 'the full SHA of the commit that it was built from')
  .addHelpText('after', help('Prints the digest. What the repository has already is not sent again.'))
  .action((layout: string, flags: { readonly to: string; readonly revision: string }) =>
    runCommand((ports) => push({ layout, ...flags }, ports)),
  )

release('attach', 'attach the manifests of a folder to an image, after the checks that the reconciler makes')
  .argument('<folder>', 'manifests: every .yaml, .yml and .json below it')
  .option('--tag <sha>', 'set this tag, the revision, as the last step')
  .option('--namespace <name>', 'where the Delivery is, to refuse objects of another namespace')
  .option('--service-account <name>', 'what the Delivery deploys as, to refuse pods that would run as it')
  .addHelpText('after', help('Prints the digest of the bundle. Attaching the same manifests again does nothing.'))
  .action((folder: string, flags: Omit<AttachRequest, 'folder'>) =>
    runCommand((ports) => attach({ folder, ...flags }, ports)),
  )

interface TagFlags extends ReleaseRequest {
  readonly manifests: 'attached' | 'none'
  readonly attested: readonly string[]
}

release('tag', 'release what is whole: set the tag, after a look at all that must be there')
  .addOption(
    new Option('--manifests <which>', 'none for an image that is not delivered by them')
      .choices(['attached', 'none'])
      .default('attached'),
  )
  .option('--attested <type>', 'refuse without an attachment of this artifact type; may be given again', collect, [])
  .addHelpText('after', help('A tag that is set already is left alone; one that names another image is never moved.'))
  .action(({ manifests, ...flags }: TagFlags) =>
    runCommand(async (ports) => {
      await tagRelease({ ...flags, hasManifests: manifests === 'attached' }, ports)
      return undefined
    }),
  )

release('lock', 'keep the tag of a release from being moved, and what it needs from being deleted')
  .addHelpText('after', help('Locking it again locks what was attached since.'))
  .action((flags: ReleaseRequest) =>
    runCommand(async (ports) => {
      await lock(flags, ports)
      return undefined
    }),
  )

program
  .command('password')
  .description("print what Docker takes as a password at a registry, for a step that knows Docker's login alone")
  .argument('<registry>', 'host of the registry')
  .addHelpText(
    'after',
    help('The user name beside it is 00000000-0000-0000-0000-000000000000. Pipe it, and print it nowhere.'),
  )
  .action((registry: string) => runCommand((ports) => registryPassword(registry, ports)))

interface RetainFlags {
  readonly newest: number
  readonly graceDays: number
  readonly keep: readonly string[]
  readonly tags: RegExp
  readonly dryRun: boolean
}

program
  .command('retain')
  .description('delete releases beyond the newest, none that is young or named to be kept')
  .argument('<repository>', 'REGISTRY/REPOSITORY')
  .requiredOption('--newest <count>', 'how many of the newest releases stay, however old', Number)
  .requiredOption('--grace-days <days>', 'nothing younger goes', Number)
  .option('--keep <names>', 'tags and digests that stay, by commas or spaces; may be given again', list, [])
  .option(
    '--tags <pattern>',
    'which tags, as a whole, are releases; an image with another one stays',
    tagPattern,
    /^[0-9a-f]{40}$/,
  )
  .option('--dry-run', 'say what would go, and delete nothing', false)
  .addHelpText('after', help('Prints how many went, or would go.'))
  .action((repository: string, { dryRun, ...flags }: RetainFlags) =>
    runCommand(async (ports) =>
      String(await retain({ repository, ...flags, isDryRun: dryRun, nowMs: Date.now() }, ports)),
    ),
  )

await program.parseAsync()

/** A command on a release that is pushed. */
function release(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .requiredOption('--image <reference>', 'REGISTRY/REPOSITORY@DIGEST of the image, or of its index')
    .requiredOption('--revision <sha>', 'the full SHA of the commit')
}

function help(text: string): string {
  return `
Signs in with the token in AZURE_FEDERATED_TOKEN_FILE (with AZURE_CLIENT_ID and AZURE_TENANT_ID), else as the Azure CLI.
${text}`
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

function list(value: string, before: readonly string[]): readonly string[] {
  return [...before, ...value.split(/[\s,]+/).filter(Boolean)]
}
