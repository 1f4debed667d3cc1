// `npm run generate`: writes the files that are made from sources; with --check it only says which are not up to date.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { stringify } from 'yaml'
import { counted } from '../local/counted.ts'
import { generatedFiles, type GeneratedFile } from '../../dashboards/src/generated-files.ts'
import { deliveryCrd } from '../../reconciler/src/api/crd.ts'
import { readIfThere } from '../local/files.ts'

const root = join(import.meta.dirname, '../..')

const files: readonly GeneratedFile[] = [
  {
    path: 'manifests/crd/customresourcedefinition-deliveries.windlass.dev.yaml',
    source: 'reconciler/src/api/delivery.ts',
    object: deliveryCrd(),
  },
  {
    path: 'manifests/chart/windlass/files/customresourcedefinition-deliveries.windlass.dev.yaml',
    source: 'reconciler/src/api/delivery.ts',
    object: keptByHelm(deliveryCrd()),
  },
  ...generatedFiles,
]

const isCheck = process.argv.includes('--check')
const outdated: string[] = []
for (const { path, source, object } of files) {
  const wanted = await print(path, source, object)
  if ((await readIfThere(join(root, path))) === wanted) continue
  outdated.push(path)
  if (!isCheck) await write(path, wanted)
}

for (const path of outdated) console.log(isCheck ? `${path} is not up to date` : `${path} written`)
if (outdated.length === 0) console.log(`all that is generated is up to date (${counted(files.length, 'file')})`)
process.exitCode = isCheck && outdated.length > 0 ? 1 : 0

/** All Deliveries would go with their definition, so it stays where the chart is uninstalled. */
function keptByHelm(definition: ReturnType<typeof deliveryCrd>): unknown {
  const annotations = { 'helm.sh/resource-policy': 'keep' }
  return { ...definition, metadata: Object.assign({}, definition['metadata'], { annotations }) }
}

async function print(path: string, source: string, object: unknown): Promise<string> {
  // Two generators of one file would never agree with `npm run check`, so the formatter has the last word here too.
  const config = await resolveConfig(join(root, path))
  return format(asText(path, source, object), { ...config, filepath: path })
}

/** JSON has no place for a comment that says where it comes from. */
function asText(path: string, source: string, object: unknown): string {
  if (path.endsWith('.json')) return JSON.stringify(object)
  const head = `# Generated from ${source} by \`npm run generate\`; change that, not this.\n`
  return head + stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}
