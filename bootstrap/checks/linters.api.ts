import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkout } from '../local/checkout.ts'
import { run } from '../local/run.ts'
import { filesFor, linters, type LinterName } from './linters.ts'

t.setTimeout(300_000)

const workflow = `on: push
jobs:
  greet:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
      - run: echo "Hello \${{ github.event.head_commit.message }}" && cd $HOME
`

/** What each says of a file that it must not pass. */
const bad: Readonly<Record<LinterName, { readonly name: string; readonly text: string; readonly says: RegExp }>> = {
  actionlint: { name: 'greet.yml', text: workflow, says: /SC2086[\s\S]*potentially untrusted/ },
  zizmor: {
    name: 'greet.yml',
    text: workflow,
    says: /template-injection[\s\S]*unpinned-uses|unpinned-uses[\s\S]*template/,
  },
  shellcheck: { name: 'greet.sh', text: '#!/bin/sh\necho $1\n', says: /SC2086/ },
  hadolint: { name: 'Dockerfile', text: 'FROM debian:latest\nRUN cd /tmp\n', says: /DL3007[\s\S]*DL3003/ },
}

for (const name of Object.keys(linters) as readonly LinterName[]) {
  t.test(`${name} reads files of ours, and refuses what it is there for, without a network`, async (t) => {
    t.ok((await filesFor(name, checkout)).length > 0, 'there are files for it')
    const { name: file, text, says } = bad[name]
    const path = join(await emptyFolder(t), file)
    await writeFile(path, text)
    const [command, ...args] = await linters[name].prepare((step) => t.comment(step))
    // In a network namespace of its own there is nothing but a loopback that is down.
    const offline = ['--map-root-user', '--net', command, ...args, path]
    const { exitCode, stdout, stderr } = await run('unshare', offline, { accept: [1, 2, 11, 12, 13, 14] })
    t.not(exitCode, 0)
    t.match(`${stdout}\n${stderr}`, says)
  })
}

t.test('what linters read are scripts, workflows and Dockerfiles', async (t) => {
  t.match(await filesFor('shellcheck', checkout), ['.ci/run'])
  t.match((await filesFor('hadolint', checkout)).toSorted(), [
    'bootstrap/local/Dockerfile',
    'predictor/Dockerfile',
    'reconciler/Dockerfile',
  ])
  t.ok((await filesFor('actionlint', checkout)).includes('.github/workflows/release.yml'))
  t.ok((await filesFor('zizmor', checkout)).includes('.github/dependabot.yml'))
})

async function emptyFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'windlass-lint-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
