// `npm run infra:graph`: draws what the example of the prod profile provisions into infra/README.md; with --check it only says whether
// the drawing there is up to date.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '../config.ts'
import { exampleFile } from '../examples.ts'
import { synthesize } from '../synth.ts'
import { readSynthesized } from '../synthesized.ts'
import { drawMermaid } from './mermaid.ts'

const infra = join(import.meta.dirname, '../..')
const readme = join(infra, 'README.md')
const begin = '<!-- graph: begin, written by `npm run infra:graph` -->'
const end = '<!-- graph: end -->'

const isCheck = process.argv.includes('--check')
const had = await readFile(readme, 'utf8')
const wanted = place(had, await draw())
if (had === wanted) {
  process.stdout.write('the graph in infra/README.md is up to date\n')
} else if (isCheck) {
  process.stderr.write('the graph in infra/README.md is not up to date\n')
  process.exitCode = 1
} else {
  await writeFile(readme, wanted)
  process.stdout.write('infra/README.md written\n')
}

async function draw(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'windlass-graph-'))
  try {
    synthesize(parseConfig(JSON.parse(await readFile(exampleFile('prod'), 'utf8'))), folder)
    return drawMermaid(readSynthesized(folder))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function place(text: string, graph: string): string {
  const [before, rest] = text.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) throw new Error(`${readme} lacks the marks ${begin} and ${end}`)
  return `${before}${begin}\n\n\`\`\`mermaid\n${graph}\n\`\`\`\n\n${end}${after}`
}
