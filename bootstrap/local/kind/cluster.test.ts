import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Runner } from '../../calls/call.ts'
import { CommandFailed, run } from '../run.ts'
import { waitFor } from '../wait.ts'
import { openKindCluster } from './cluster.ts'

const nodeName = 'windlass-demo-control-plane'

/** A node that is this machine: what `docker exec` is told to run is run, with the environment that it is told. */
function onThisMachine(t: Test) {
  const lines: string[][] = []
  const runner: Runner = async ({ program, args, input }) => {
    lines.push([program, ...args])
    const at = args.indexOf(nodeName)
    const flags = args.slice(0, at)
    const env = Object.fromEntries(
      flags.flatMap((flag, index) => (flags[index - 1] === '--env' ? [flag.split(/=(.*)/s).slice(0, 2)] : [])),
    ) as Record<string, string>
    const [command = '', ...rest] = args.slice(at + 1)
    const running = run(command, rest, { env, ...(input !== undefined && { input }) })
    if (flags.includes('--detach')) {
      void running.catch(() => undefined)
      return { exitCode: 0, stdout: '', stderr: '' }
    }
    return running
  }
  const stateDir = t.testdir({ registry: {} })
  const cluster = openKindCluster(
    {
      name: 'demo',
      backend: 'kind',
      kubeconfig: join(stateDir, 'kubeconfig'),
      stateDir,
      nodeIp: '172.18.0.2',
      nodeName,
      auditLog: join(stateDir, 'audit.log'),
      caFile: join(stateDir, 'registry', 'ca.crt'),
      kubectl: join(stateDir, 'bin', 'kubectl'),
      pullCredential: { username: 'node', password: 'secret' },
      nodeKubeconfig: join(stateDir, 'node-kubeconfig'),
    },
    () => runner,
  )
  return { cluster, lines, stateDir }
}

t.test('what is run in the node runs as we do, with its kubeconfig and what else it is given', async (t) => {
  const { cluster, lines, stateDir } = onThisMachine(t)
  const script = 'read line; echo "$line $KUBECONFIG $HOME $MORE"; exit "$CODE"'
  const env = { MORE: 'a=b c', CODE: '0' }
  const { stdout } = await cluster.exec('sh', ['-c', script], { env, input: 'typed\n', cwd: '/' })
  t.equal(stdout, `typed ${stateDir}/node-kubeconfig ${stateDir} a=b c`)
  t.same(lines[0]?.slice(0, 5), [
    'docker',
    'exec',
    '--interactive',
    '--user',
    `${process.getuid?.()}:${process.getgid?.()}`,
  ])
  t.same(lines[0]?.slice(lines[0].indexOf('--workdir')).slice(0, 3), ['--workdir', '/', nodeName])
  await t.rejects(cluster.exec('sh', ['-c', 'exit 3']), CommandFailed)
})

t.test('a program stays up with its output in a log, until one of that name takes its place', async (t) => {
  const { cluster, lines } = onThisMachine(t)
  const said = async (logFile: string, text: string) =>
    waitFor(
      async () => (await readFile(logFile, 'utf8')).includes(text) || undefined,
      async () => `${text} in the log, which holds: ${await readFile(logFile, 'utf8')}`,
      { timeoutMs: 20_000 },
    )
  const script = 'trap "echo $0 ends; exit" TERM; echo "$0 runs"; echo problem >&2; while :; do sleep 0.05; done'
  const { logFile } = await cluster.startProcess('registry', 'bash', ['-c', script, 'first'])
  try {
    await said(logFile, 'first runs\nproblem\n')
    t.ok(lines.at(-1)?.includes('--detach'))
    const second = await cluster.startProcess('registry', 'bash', ['-c', script, 'second'])
    t.equal(second.logFile, logFile)
    t.match(await readFile(logFile, 'utf8'), /first ends\n/, 'it was gone before the next was started')
    await said(logFile, 'second runs')
  } finally {
    // What takes the place of the last ends by itself.
    await cluster.startProcess('registry', 'true', [])
  }
})

t.test('a pod is ended by its containers, at once', async (t) => {
  const calls: string[] = []
  const { cluster } = onThisMachine(t)
  const killing = openKindCluster(
    { ...cluster, backend: 'kind', nodeName, nodeKubeconfig: 'x' },
    () => async (call) => {
      calls.push(call.args.join(' '))
      // https://github.com/kubernetes-sigs/cri-tools/blob/master/docs/crictl.md
      const stdout = call.args.includes('some') || calls.length > 1 ? '' : '0f3c\n87ab'
      return { exitCode: 0, stdout, stderr: '' }
    },
  )
  await killing.killPod('5a1f')
  t.same(calls, [
    `exec ${nodeName} crictl ps --quiet --label io.kubernetes.pod.uid=5a1f`,
    `exec ${nodeName} crictl stop --timeout 0 0f3c 87ab`,
  ])
  await t.rejects(killing.killPod('gone'), /no container of pod gone runs/)
})

t.test(
  'the registry is given the keys of service account tokens as a file, and a certificate of its own',
  async (t) => {
    const { cluster, stateDir } = onThisMachine(t)
    const keys = '{"keys":[{"use":"sig","kty":"RSA","kid":"4qH","alg":"RS256","n":"sA","e":"AQAB"}]}'
    const asking = openKindCluster(
      { ...cluster, backend: 'kind', nodeName, nodeKubeconfig: 'x' },
      () =>
        async ({ args }) => {
          t.same(args.slice(-4), ['kubectl', 'get', '--raw', '/openid/v1/jwks'])
          return { exitCode: 0, stdout: keys, stderr: '' }
        },
    )
    t.same(await asking.issuerKeys(stateDir), { file: join(stateDir, 'issuer-keys.json') })
    t.equal(await readFile(join(stateDir, 'issuer-keys.json'), 'utf8'), keys)
    const { certPem } = await asking.issueCertificate({ commonName: 'registry.windlass.test' })
    t.match(certPem, 'BEGIN CERTIFICATE')
  },
)
