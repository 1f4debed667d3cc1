import { chmod, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../local/run.ts'
import { problemOfResults } from './results-folder.ts'

/** What it says to somebody to whom nothing here belongs. */
async function askedAsAnother(root: string): Promise<string> {
  const script = `const { problemOfResults } = await import('${join(root, 'results-folder.ts')}')
    console.log(problemOfResults('${root}') ?? 'none')`
  const node = [process.execPath, '--input-type=module', '-e', script]
  const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...node]
  const [command = '', ...args] = process.getuid?.() === 0 ? asNobody : node
  return (await run(command, args)).stdout.trim()
}

async function makeCheckout(t: Test): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'windlass-results-'))
  t.teardown(() => chmod(root, 0o755).then(() => rm(root, { recursive: true, force: true })))
  await copyFile(join(import.meta.dirname, 'results-folder.ts'), join(root, 'results-folder.ts'))
  await chmod(root, 0o555)
  return root
}

t.test('a checkout of one’s own has no problem', async (t) => {
  t.equal(problemOfResults(t.testdir({ '.tap': { 'test-results': {} } })), undefined)
})

t.test('results of another user are told with what to type', async (t) => {
  const root = await makeCheckout(t)
  t.match(await askedAsAnother(root), `is not yours to write`)
  await chmod(root, 0o755)
  await mkdir(join(root, '.tap', 'test-results'), { recursive: true })
  await chmod(join(root, '.tap', 'test-results'), 0o555)
  t.match(await askedAsAnother(root), /\.tap.* is not yours to write: .*sudo chown -R "\$\(id -un\)" \S+\.tap$/)
})
