import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { attach, type AttachRequest } from './attach.ts'
import { CommandRefused } from './refused.ts'

const revision = '0123456789abcdef0123456789abcdef01234567'
const image = `contoso.azurecr.io/predictor@sha256:${'a'.repeat(64)}`

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: predictor }
spec:
  template:
    spec:
      containers: [{ name: predictor, image: predictor }]
`

async function manifests(t: Test, files: Record<string, string>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-attach-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  for (const [file, text] of Object.entries(files)) await writeFile(join(dir, file), text)
  return dir
}

/** What was refused before anything was asked of a registry. */
async function refusal(request: AttachRequest): Promise<readonly string[]> {
  const error: unknown = await attach(request, {
    connect: () => {
      throw new Error('the registry was asked')
    },
    say: () => {},
    signal: new AbortController().signal,
  }).catch((reason: unknown) => reason)
  if (error instanceof CommandRefused) return error.problems
  throw error
}

const wrongFlags: Record<string, [change: Partial<AttachRequest>, problem: RegExp]> = {
  'an image without a digest': [{ image: 'contoso.azurecr.io/predictor:v1' }, /must be REGISTRY\/REPOSITORY@DIGEST/],
  'an image without a registry': [
    { image: `predictor@sha256:${'a'.repeat(64)}` },
    /must be REGISTRY\/REPOSITORY@DIGEST/,
  ],
  'an image that is none': [{ image: 'contoso.azurecr.io/Predictor' }, /--image: .*may not stand in one/],
  'a revision that can be no tag': [{ revision: 'feature/x' }, /--revision: "feature\/x" can't be the name of a tag/],
  'a tag that is not the revision': [{ tag: 'latest' }, /--tag must be the revision/],
}

for (const [name, [change, problem]] of Object.entries(wrongFlags)) {
  t.test(`${name} is refused`, async (t) => {
    const folder = await manifests(t, { 'a.yaml': deployment })
    t.match(await refusal({ folder, image, revision, ...change }), [problem])
  })
}

t.test('all that the reconciler would refuse is told at once, before anything is pushed', async (t) => {
  const folder = await manifests(t, {
    'a.yaml': deployment,
    'b.yaml': 'apiVersion: v1\nkind: Secret\nmetadata: { name: key }\n',
    'c.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c, namespace: other }\n',
  })
  t.match(await refusal({ folder, image, revision, namespace: 'predictor' }), [
    /^Secret\/key: secrets do not travel/,
    /^ConfigMap\/c: is for namespace other, the Delivery is in predictor/,
  ])
})

t.test('with the account that deploys, what would run as it or change it is refused as in the cluster', async (t) => {
  const folder = await manifests(t, {
    'a.yaml': deployment.replace('    spec:\n', '    spec:\n      serviceAccountName: deployer\n'),
    'b.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: deployer }\n',
  })
  t.match(await refusal({ folder, image, revision, serviceAccount: 'deployer' }), [
    /^Deployment\/predictor: its pods would run as deployer/,
    /^ServiceAccount\/deployer: is the account that the Delivery deploys as/,
  ])
  await t.rejects(refusal({ folder, image, revision, serviceAccount: 'other' }), { message: 'the registry was asked' })
  await t.rejects(refusal({ folder, image, revision }), { message: 'the registry was asked' })
})

t.test('a small file that stands for a large object is refused', async (t) => {
  const large = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: large }\ndata:\n  a: &a ${'x'.repeat(20_000)}\n`
  const places = Array.from({ length: 98 }, (_, i) => `  a${i}: *a\n`).join('')
  const folder = await manifests(t, { 'a.yaml': deployment, 'b.yaml': `${large}${places}` })
  t.match(await refusal({ folder, image, revision }), [/^ConfigMap\/large: has more than 1572864 bytes as JSON/])
})

t.test('what the cluster could keep no copy of is refused, as it would be there', async (t) => {
  const settings = (name: string) => {
    const keys = Array.from({ length: 12 }, (_, key) => `  k${key}: ${key === 0 ? `&text ${text}` : '*text'}\n`)
    return `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata:\n${keys.join('')}`
  }
  // Repeated from farther away than gzip sees.
  const text = randomBytes(64 * 1024).toString('base64')
  const folder = await manifests(t, { 'a.yaml': deployment, 'b.yaml': settings('b'), 'c.yaml': settings('c') })

  t.match(await refusal({ folder, image, revision }), [/^the copy that is kept of a release would have \d+ bytes/])
})

t.test('the manifests of our own predictor pass, so that the registry is asked next', async (t) => {
  const folder = join(import.meta.dirname, '..', '..', '..', 'manifests', 'predictor', 'release')
  const asking = refusal({ folder, image, revision, tag: revision, namespace: 'predictor' })
  await t.rejects(asking, { message: 'the registry was asked' })
})

t.test('manifests that do not use the image would deploy nothing', async (t) => {
  const folder = await manifests(t, { 'a.yaml': deployment.replace('image: predictor', 'image: other') })
  t.match(await refusal({ folder, image, revision }), [/no container .* uses an image of the repository predictor/])
})

t.test('a folder without manifests would prune everything', async (t) => {
  const folder = await manifests(t, { 'README.md': 'nothing here' })
  t.strictSame(await refusal({ folder, image, revision }), ['the bundle: holds no object'])
})

t.test('YAML that is broken is told by file and line', async (t) => {
  const folder = await manifests(t, { 'a.yaml': deployment, 'b.yaml': 'a: on\n' })
  t.match(await refusal({ folder, image, revision }), [/^b\.yaml: line 1: plain "on"/])
})

t.test('the command tells what is wrong on standard error, and ends with 1', async (t) => {
  const folder = await manifests(t, {
    'a.yaml': 'apiVersion: v1\nkind: Secret\nmetadata: { name: key }\n',
    'b.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: deployer }\n',
  })
  const command = join(import.meta.dirname, 'windlass.ts')
  const run = (...args: string[]) => promisify(execFile)(process.execPath, [command, ...args])
  const refused = run('attach', folder, '--image', image, '--revision', revision, '--service-account', 'deployer')
  await t.rejects(refused, {
    message: /Command failed/,
    code: 1,
    stdout: '',
    stderr:
      /^Secret\/key: secrets do not travel.*\nServiceAccount\/deployer: is the account that the Delivery deploys as/,
  })
  const missing = run('attach', '/nowhere', '--image', image, '--revision', revision)
  await t.rejects(missing, { message: /Command failed/, code: 1, stderr: /no such file or directory/ })
  await t.rejects(run('attach', folder), { message: /Command failed/, code: 1, stderr: /required option '--image/ })
  t.match((await run('attach', '--help')).stdout, /Prints the digest of the bundle/)
})
