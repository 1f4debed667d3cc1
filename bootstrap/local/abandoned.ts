import { listRecords } from './native/record.ts'
import { platformDown } from './platform.ts'

/** A name for what goes down with this process; whoever comes after a process that was killed knows it by that. */
export function nameOfOwn(purpose: string): string {
  return `${purpose}-${process.pid}`
}

/** Takes down the clusters that were named after a process which was killed. */
export async function clearAbandoned(onStep: (step: string) => void): Promise<void> {
  const names = (await listRecords()).map(({ name }) => name)
  for (const name of abandoned(names, isAlive)) {
    onStep(`clearing cluster ${name}, which an earlier run left`)
    await platformDown({ name })
  }
}

export function abandoned(names: readonly string[], isAlive: (pid: number) => boolean): readonly string[] {
  return names.filter((name) => {
    const pid = /^(?:test|bench)-(\d+)$/.exec(name)?.[1]
    return pid !== undefined && !isAlive(Number(pid))
  })
}

/** A number that another process has by now lets a cluster stay a little longer, and no more. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}
