import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { parseManifests } from '../core/manifest-yaml.ts'
import { readManifestFolder } from './manifest-folder.ts'

async function folder(t: Test, files: Record<string, string | Uint8Array>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-manifests-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, file)), { recursive: true })
    await writeFile(join(dir, file), text)
  }
  return dir
}

t.test('all manifests below a folder are read, in the order of their paths, and nothing else', async (t) => {
  const dir = await folder(t, {
    'b.yaml': 'b: 1',
    'a/z.yml': 'a: 1\n---\na: 2\n',
    'c.json': '{ "c": 1 }',
    'README.md': '# not a manifest',
    '.hidden.yaml': 'hidden: 1',
    '.git/x.yaml': 'hidden: 2',
  })
  const { text, documents, problems } = await readManifestFolder(dir)
  t.strictSame(documents, [{ a: 1 }, { a: 2 }, { b: 1 }, { c: 1 }])
  t.strictSame(problems, [])
  t.equal(text, '---\n# a/z.yml\na: 1\n---\na: 2\n---\n# b.yaml\nb: 1\n---\n# c.json\n{ "c": 1 }\n')
})

t.test('the one text holds the same documents as the files', async (t) => {
  const dir = await folder(t, {
    'a.yaml': '---\na: |\n  text\n  on two lines',
    'b.yaml': '\uFEFF# a comment\n---\nb: 1\n...\n',
    'c.yaml': '# nothing but a comment',
    'd.yaml': '',
  })
  const { text, documents } = await readManifestFolder(dir)
  t.strictSame(parseManifests(text), { kind: 'parsed', documents })
  t.strictSame(documents, [{ a: 'text\non two lines\n' }, { b: 1 }])
})

t.test('problems of every file are named by file and line', async (t) => {
  const dir = await folder(t, { 'a.yaml': 'x: 1\ny: on\n', 'b.yaml': 'a: [\n', 'c.yaml': 'c: 1\n' })
  const { problems, documents } = await readManifestFolder(dir)
  t.match(problems, [
    /^a\.yaml: line 2: plain "y" is a boolean/,
    /^a\.yaml: line 2: plain "on" is a boolean/,
    /^b\.yaml: line 2: /,
  ])
  t.strictSame(documents, [{ c: 1 }])
})

t.test('what only all files together are too much of is told too', async (t) => {
  const half = `a: &a ${'x'.repeat(80_000)}\nb: [${'*a,'.repeat(60)}]\n`
  const one = await readManifestFolder(await folder(t, { 'a.yaml': half }))
  t.strictSame(one.problems, [])
  const { problems } = await readManifestFolder(await folder(t, { 'a.yaml': half, 'b.yaml': half }))
  t.match(problems, [/^all files together: document 2: .* more than 8388608 characters/])
})

t.test('a folder that is not there says so', async (t) => {
  await t.rejects(readManifestFolder('/nowhere/at/all'), { code: 'ENOENT' })
})

t.test('the name of a file adds nothing to what is checked', async (t) => {
  const dir = await folder(t, { 'a\n---\nkind: Secret\n---\n#.yaml': 'a: 1\n' })
  const { text, documents, problems } = await readManifestFolder(dir)
  t.strictSame(problems, [])
  t.strictSame(documents, [{ a: 1 }])
  t.strictSame(parseManifests(text), { kind: 'parsed', documents })
})

t.test('a file that is not UTF-8 is refused, for the reconciler would read other letters', async (t) => {
  const latin1 = Buffer.from('a: "caf\xe9"\n', 'latin1')
  const { problems } = await readManifestFolder(await folder(t, { 'a.yaml': latin1, 'b.yaml': 'b: 1\n' }))
  t.strictSame(problems, ['a.yaml: is not UTF-8'])
})

t.test('a link is refused rather than left out: half a release would delete the other half', async (t) => {
  const dir = await folder(t, { 'a.yaml': 'a: 1\n', 'README.md': '#', '.kept/b.yaml': 'b: 1\n' })
  await symlink(join(dir, '.kept/b.yaml'), join(dir, 'b.yaml'))
  await symlink(join(dir, '.kept'), join(dir, 'more'))
  await symlink(join(dir, 'README.md'), join(dir, 'NOTES.md'))
  await symlink('/nowhere/at/all', join(dir, 'nowhere'))
  await symlink(join(dir, '.kept'), join(dir, '.hidden'))
  const { problems } = await readManifestFolder(dir)
  t.strictSame(problems, [
    'b.yaml: is no plain file: put what it stands for in its place',
    'more: is no plain file: put what it stands for in its place',
  ])
})
