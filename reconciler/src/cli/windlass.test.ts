import { execFile } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const command = join(import.meta.dirname, 'windlass.ts')
const revision = '0123456789abcdef0123456789abcdef01234567'

interface Ended {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command line; what it refuses by itself it refuses before it asks anyone. */
function windlass(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [command, ...args], (_error, stdout, stderr) => {
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr })
    })
  })
}

t.test('what is refused is said a line each on stderr, with 1 and nothing on stdout', async (t) => {
  const retain = await windlass(
    'retain',
    'contoso.azurecr.io/web',
    '--newest',
    'x',
    '--grace-days',
    '0',
    '--keep',
    'a,b c:d',
  )
  t.same(retain, {
    exitCode: 1,
    stdout: '',
    stderr:
      '--newest must be a whole number, 1 at least\n--grace-days must be a whole number, 1 at least\n--keep takes tags and digests, not c:d\n',
  })
  const push = await windlass('push', '/no/such/folder', '--to', 'contoso.azurecr.io/web', '--revision', revision)
  t.match(push, { exitCode: 1, stdout: '', stderr: /^\/no\/such\/folder holds no image/ })
  const lock = await windlass('lock', '--image', 'contoso.azurecr.io/web:latest', '--revision', revision)
  t.match(lock, { exitCode: 1, stdout: '', stderr: '--image must be REGISTRY/REPOSITORY@DIGEST\n' })
})

t.test('options that are wrong or left out are named', async (t) => {
  t.match(await windlass('tag', '--revision', revision), { exitCode: 1, stderr: /required option '--image/ })
  const image = `contoso.azurecr.io/web@sha256:${'a'.repeat(64)}`
  t.match(await windlass('tag', '--image', image, '--revision', revision, '--manifests', 'some'), {
    exitCode: 1,
    stderr: /Allowed choices are attached, none/,
  })
  t.match(await windlass('retain', 'x', '--newest', '1', '--grace-days', '1', '--tags', '('), {
    exitCode: 1,
    stderr: /It is not a regular expression/,
  })
})
