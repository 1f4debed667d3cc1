/** What runs in a cluster, looked through for what an attacker would use; each thing that is left so has a reason. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { checkout } from '../../local/checkout.ts'
import { findFaults, writeStripped } from './sast.ts'

// A first run installs it, behind other installs.
t.setTimeout(1_100_000)

/** Files that are not looked at: why. */
const leftOut: ReadonlyMap<string, string> = new Map([
  ['reconciler/src/api/delivery.ts', 'a schema: literals alone, which the rules on data flow take minutes for'],
])

/** What is found and left so, by rule and file: why. */
const exceptions: ReadonlyMap<string, string> = new Map([
  ['node_insecure_random_generator reconciler/src/cli/retry.js', 'it spreads retries; nothing is kept secret by it'],
  ['node_timing_attack reconciler/src/registry/token-source.js', 'a token is compared with undefined'],
])

/** Files of which the parser does not understand a part: which. */
const unread: ReadonlyMap<string, string> = new Map([
  ['reconciler/src/kube/field-conflict.js', "semgrep's parser reports an error in what Node runs"],
])

const folder = await mkdtemp(join(tmpdir(), 'windlass-sast-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
let written = 0
for (const source of ['reconciler/src', 'predictor/src']) {
  written += await writeStripped(checkout, source, folder, new Set(leftOut.keys()))
}
await mkdir(join(folder, 'planted'))
await writeFile(
  join(folder, 'planted', 'faults.js'),
  [
    "const { exec } = require('child_process')",
    "const express = require('express')",
    'const app = express()',
    "app.get('/', (req, res) => {",
    "  exec('ls ' + req.query.name)",
    '  eval(req.query.code)',
    '})',
    "const cipher = require('crypto').createHash('md5')",
  ].join('\n'),
)
const sast = await findFaults(folder, { onStep: (step) => t.comment(step) })
const ours = sast.found.filter((fault) => !fault.includes(' planted/'))

t.test('what is found is what is excepted', async (t) => {
  t.same([...new Set(ours.map((fault) => fault.replace(/:\d+$/, '')))], [...exceptions.keys()].sort())
})

t.test('all is looked at, but for what is named', async (t) => {
  t.same(sast.unread, [...unread.keys()])
  t.ok(written > 150, `${written} files`)
  t.equal(sast.scanned, written + 1)
})

t.test('what is planted is found', async (t) => {
  const planted = sast.found.filter((fault) => fault.includes(' planted/'))
  for (const fault of ['generic_os_command_exec', 'eval_nodejs', 'node_md5']) {
    t.ok(
      planted.some((found) => found.startsWith(`${fault} `)),
      `${fault} in ${planted.join(', ')}`,
    )
  }
})
