/** What runs in a cluster, and what makes or checks one, looked through for what an attacker would use; each thing that is left so has a reason. */
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

interface Exception {
  readonly rule: string
  readonly files: readonly string[]
  readonly why: string
}

/** What is found and left so. */
const exceptions: readonly Exception[] = [
  {
    rule: 'node_insecure_random_generator',
    files: ['reconciler/src/cli/retry.js'],
    why: 'it spreads retries; nothing is kept secret by it',
  },
  {
    rule: 'node_timing_attack',
    files: [
      'bootstrap/local/ingress/certificate-files.js',
      'bootstrap/local/registry/auth/authorize.js',
      'reconciler/src/registry/token-source.js',
    ],
    why: 'something is compared with undefined',
  },
  {
    rule: 'node_secret',
    files: [
      'bootstrap/azure/monitoring/stack.js',
      'bootstrap/calls/mask.js',
      'bootstrap/local/ingress/certificate-files.js',
      'bootstrap/local/registry/auth/keys.js',
    ],
    why: 'the name of a Secret, or what was read from one: none is written there',
  },
  { rule: 'node_password', files: ['bootstrap/local/images/builder.js'], why: 'passingName begins as password does' },
  {
    rule: 'node_username',
    files: [
      'bootstrap/local/native/dns.js',
      'bootstrap/local/native/issuer-keys.js',
      'bootstrap/local/native/metrics-server.js',
      'bootstrap/local/registry/auth/token-endpoint.js',
    ],
    why: 'users of the local cluster by name, who prove themselves by certificate; and the name that ACR gives to all',
  },
  {
    rule: 'node_sha1',
    files: ['bootstrap/manifests/installed-predictor.js'],
    why: 'it makes what looks like a commit, for a release of a test',
  },
  {
    rule: 'regex_dos',
    files: [
      'bootstrap/azure/explain.js',
      'bootstrap/checks/architecture-table.js',
      'bootstrap/checks/markdown.js',
      'bootstrap/local/images/kept-image.js',
      'bootstrap/local/images/registry-client.js',
      'bootstrap/local/kind/names.js',
      'bootstrap/manifests/cilium-policy.js',
    ],
    why: 'expressions without a repetition in a repetition, on documents of this repository or what programs of the platform say',
  },
]

/** Files of which the parser does not understand a part: which. */
const unread: ReadonlyMap<string, string> = new Map([
  ['reconciler/src/kube/field-conflict.js', "semgrep's parser reports an error in what Node runs"],
])

const folder = await mkdtemp(join(tmpdir(), 'windlass-sast-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
let written = 0
for (const source of ['reconciler/src', 'predictor/src', 'bootstrap', 'infra/src', 'dashboards/src']) {
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
  t.same(
    [...new Set(ours.map((fault) => fault.replace(/:\d+$/, '')))],
    exceptions.flatMap(({ rule, files }) => files.map((file) => `${rule} ${file}`)).sort(),
  )
})

t.test('all is looked at, but for what is named', async (t) => {
  t.same(sast.unread, [...unread.keys()])
  t.ok(written > 500, `${written} files`)
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
