// `npm run release:sbom -- predictor|reconciler`: prints what is in the program's image of the commit that is checked out,
// as SPDX.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkout } from '../local/checkout.ts'
import { bundleProgram } from '../local/images/bundle.ts'
import { readCommit } from '../release/commit.ts'
import { isReleasable, releasables, type ReleasableName } from '../release/releasable.ts'
import { makeSbom } from '../release/sbom.ts'

const [name = '', ...rest] = process.argv.slice(2)
if (!isReleasable(name) || rest.length > 0) {
  console.error(`Name one of ${Object.keys(releasables).join(', ')}.`)
  process.exitCode = 2
} else {
  await print(name)
}

async function print(name: ReleasableName): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'windlass-sbom-'))
  try {
    const commit = await readCommit(checkout)
    await bundleProgram({ root: checkout, out: join(context, 'app'), entry: releasables[name].program.entry })
    process.stdout.write(`${JSON.stringify(await makeSbom(context, name, commit))}\n`)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    console.error(error.message)
    process.exitCode = 1
  } finally {
    await rm(context, { recursive: true, force: true })
  }
}
