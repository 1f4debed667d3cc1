import { askJson, type Runner } from '../../calls/call.ts'
import { CommandFailed } from '../run.ts'
import { isAtLeast } from '../version.ts'
import { pins } from './pins.ts'

/** Whether a cluster by kind is possible on this machine, or what stands in the way. */
export type KindUse =
  | { readonly isPossible: true; readonly docker: string; readonly kind: string }
  | { readonly isPossible: false; readonly why: string; readonly mend: string }

/** https://docs.docker.com/reference/cli/docker/version/; without an engine `Server` is null, and it ends with 1. */
interface DockerVersion {
  readonly Server?: { readonly Version: string; readonly Os: string } | null
}

/** https://docs.docker.com/reference/cli/docker/system/info/ */
interface DockerInfo {
  readonly OperatingSystem: string
  readonly SecurityOptions?: readonly string[] | null
}

/** Asks docker and kind themselves; the runner's failures are those of the programs. */
export async function askKind(run: Runner): Promise<KindUse> {
  try {
    return await ask(run)
  } catch (error) {
    // Of a runner whose signal is one of time.
    if (error instanceof DOMException && error.name === 'TimeoutError')
      return not('Docker or kind did not answer in time', 'look what docker version and kind version do')
    if (!(error instanceof CommandFailed)) throw error
    const [program = ''] = error.message.split(' ', 1)
    if (error.exitCode === undefined) return not(`${program} is not on PATH`, `install ${program}`)
    const [said = ''] = (error.stderr || error.stdout).trim().split('\n')
    return not(`no Docker engine answers (${said})`, 'start it, and let your user use it')
  }
}

async function ask(run: Runner): Promise<KindUse> {
  const format = ['--format', '{{json .}}']
  const { Server: server } = await askJson<DockerVersion>(run, { program: 'docker', args: ['version', ...format] })
  if (!server) return not('no Docker engine answers, only a client is there', 'start it')
  const docker = server.Version
  if (server.Os !== 'linux') return not(`the Docker engine is of ${server.Os}`, 'use one of Linux')
  if (!isAtLeast(docker, pins.docker))
    return not(`Docker ${docker} is older than ${pins.docker}`, 'install a newer one')
  const info = await askJson<DockerInfo>(run, { program: 'docker', args: ['info', ...format] })
  // The story asks what serves on the node's own address, which only the engine of this very machine routes.
  const isElsewhere =
    info.OperatingSystem.includes('Docker Desktop') || info.SecurityOptions?.some((option) => /rootless/.test(option))
  if (isElsewhere)
    return not("addresses of this Docker engine's containers are not reached from here", 'use one of root')
  const { stdout } = await run({ program: 'kind', args: ['version'] })
  const [, kind] = /^kind v(\S+)/.exec(stdout) ?? []
  if (kind === undefined) return not(`kind does not tell its version: ${stdout}`, `install kind ${pins.kind} or newer`)
  if (!isAtLeast(kind, pins.kind)) return not(`kind ${kind} is older than ${pins.kind}`, 'install a newer one')
  return { isPossible: true, docker, kind }
}

function not(why: string, mend: string): KindUse {
  return { isPossible: false, why, mend }
}
