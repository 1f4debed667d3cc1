import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { checkout } from '../local/checkout.ts'
import { bundleProgram } from '../local/images/bundle.ts'
import { releasables, type ReleasableName } from './releasable.ts'
import { makeSbom } from './sbom.ts'

// A bundle of the reconciler takes a busy machine its time.
t.setTimeout(240_000)

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version: string }>>
}

const lock = JSON.parse(await readFile(join(checkout, 'package-lock.json'), 'utf8')) as Lock
const locked = Object.entries(lock.packages)
const commit = { sha: 'a'.repeat(40), created: '2026-11-26T10:00:00+02:00' }
const runsOn: Readonly<Record<ReleasableName, readonly string[]>> = {
  predictor: ['fastify', '@fastify/swagger-ui', 'prom-client'],
  reconciler: ['@azure/container-registry', '@azure/identity', '@kubernetes/client-node', 'node-cron'],
}

for (const name of Object.keys(releasables) as readonly ReleasableName[]) {
  t.test(`the SBOM of the ${name} names what is in its image, at locked versions, and no tool of ours`, async (t) => {
    const context = await mkdtemp(join(tmpdir(), 'windlass-sbom-'))
    t.teardown(() => rm(context, { recursive: true, force: true }))
    await bundleProgram({ root: checkout, out: join(context, 'app'), entry: releasables[name].program.entry })
    const sbom = await makeSbom(context, name, commit)
    t.same(await makeSbom(context, name, commit), sbom, 'the same commit gives the same')

    const [own, ...others] = sbom.packages
    t.match(own, { name, versionInfo: commit.sha })
    t.equal(sbom.creationInfo.created, '2026-11-26T08:00:00Z')
    const names = new Set(others.map((one) => one.name))
    for (const known of runsOn[name]) t.ok(names.has(known), known)
    for (const tool of ['tap', 'typescript', 'oxlint', 'cdktf', 'esbuild']) t.notOk(names.has(tool), tool)
    const stray = others.filter((one) => {
      if (one.name === 'node') return one.versionInfo !== process.versions.node
      return !locked.some(
        ([path, { version }]) => path.endsWith(`node_modules/${one.name}`) && version === one.versionInfo,
      )
    })
    t.same(stray, [])

    const ids = sbom.packages.map(({ SPDXID }) => SPDXID)
    t.equal(new Set(ids).size, ids.length, 'no two have one identifier')
    t.same(
      ids.filter((id) => !/^SPDXRef-[A-Za-z0-9.-]+$/.test(id)),
      [],
    )
    t.same(
      sbom.relationships.map(({ relatedSpdxElement }) => relatedSpdxElement),
      ids,
    )
  })
}
