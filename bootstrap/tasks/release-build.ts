// `npm run release:build -- predictor|reconciler`: builds the image of the commit that is checked out, as an OCI layout.
// It pushes nothing: what is scanned afterwards is what is pushed.
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { checkout } from '../local/checkout.ts'
import { buildRelease, type BuildOptions } from '../release/build-release.ts'
import { readCommit } from '../release/commit.ts'
import { isReleasable, releasables } from '../release/releasable.ts'

interface Options {
  readonly sequence: number
  readonly base?: string
  readonly out?: string
}

const known = Object.keys(releasables).join('|')

await new Command('release:build')
  .description('Build the image of the commit that is checked out, and what attests it, as an OCI layout.')
  .argument('<program>', known)
  .requiredOption('--sequence <number>', 'a whole number that only grows in push order', sequenceOf)
  .option('--base <image>', 'REGISTRY/REPOSITORY@DIGEST: build with Docker on it; else with buildah on Debian packages')
  .option('--out <folder>', 'where the layout goes (dist/release/PROGRAM if not given)')
  .showHelpAfterError()
  .action(build)
  .parseAsync()

async function build(name: string, { sequence, base, out }: Options): Promise<void> {
  if (!isReleasable(name)) return refuse(`There is no program '${name}'; there are ${known}.`)
  const folder = out === undefined ? join(checkout, 'dist', 'release', name) : resolve(out)
  const builder: BuildOptions['builder'] = base === undefined ? { kind: 'buildah' } : { kind: 'docker', base }
  const onStep = (step: string) => console.error(step)
  try {
    const commit = await readCommit(checkout)
    const { root } = await buildRelease({ root: checkout, name, commit, sequence, out: folder, builder, onStep })
    console.error(`${folder} holds ${root.digest} of ${commit.sha}`)
    console.log(folder)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    refuse(error.message)
  }
}

function refuse(message: string): void {
  console.error(message)
  process.exitCode = 1
}

function sequenceOf(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It is not a whole number above zero.')
  return Number(text)
}
