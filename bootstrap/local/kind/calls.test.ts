import t from 'tap'
import { processRunner } from '../../calls/process-runner.ts'
import { CommandFailed } from '../run.ts'
import { explained } from './calls.ts'

const failures: Readonly<Record<string, readonly [said: string, mend: RegExp]>> = {
  'a user whom Docker does not know': [
    'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
    /usermod -aG docker/,
  ],
  'an engine that is not there': [
    'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.',
    /systemctl start/,
  ],
  'limits of inotify': [
    'ERROR: failed to create cluster: could not find a log line that matches "Reached target .*Multi-User System.*|detected cgroup v1"',
    /fs\.inotify\.max_user_watches/,
  ],
  'a full disk': ['write /var/lib/docker/tmp: no space left on device', /docker system prune/],
  'too many pulls': ['toomanyrequests: You have reached your unauthenticated pull rate limit.', /docker login/],
  'no buildx': ["docker: 'buildx' is not a docker command.", /docker-buildx/],
  'no network': ['dial tcp: lookup registry-1.docker.io: no such host', /network did not answer/],
  'a node that is gone': [
    'Error response from daemon: No such container: windlass-demo-control-plane',
    /take the cluster down/,
  ],
  'what is not known': ['ERROR: something else', /read what it says, then type the same again/],
}

for (const [what, [said, mend]] of Object.entries(failures)) {
  t.test(`${what}: the failure says what to do`, async (t) => {
    const failing = explained(async () => {
      throw new CommandFailed('docker build ended with 1', { exitCode: 1, stderr: said })
    })
    const failed = failing({ program: 'docker', args: ['build', '.'] })
    await t.rejects(failed, { name: 'Problem', message: mend })
    await t.rejects(failed, { message: `docker build .: ended with 1: ${said}` })
  })
}

t.test('a program that is not there is named', async (t) => {
  const run = explained(processRunner(new AbortController().signal, { kind: '/nowhere/kind' }))
  await t.rejects(run({ program: 'kind', args: ['version'] }), /kind version: .*could not be run[^]*not on PATH/)
})

t.test('an interruption is told as such', async (t) => {
  const interruption = AbortSignal.abort(new Error('interrupted by SIGINT'))
  const run = explained(processRunner(interruption, { kind: 'true' }))
  await t.rejects(run({ program: 'kind', args: [] }), { message: 'interrupted by SIGINT' })
})
