import { Problem } from '../calls/problem.ts'
import type { Runner } from '../calls/call.ts'
import type { LocalBackend } from './backend.ts'
import { kindBackend } from './kind/backend.ts'
import { askKind } from './kind/usable.ts'
import { nativeBackend } from './native/backend.ts'

export interface ChoiceOptions {
  /** What was asked for by hand. */
  readonly asked?: LocalBackend['name']
  /** Runs docker and kind. */
  readonly run: Runner
  readonly isRoot: boolean
  /** What was typed, to be typed again as root. */
  readonly asRoot: string
}

export interface Choice {
  readonly backend: LocalBackend
  /** Which it is and why, in one line for a person. */
  readonly why: string
}

export const backendNames = ['native', 'kind'] as const satisfies readonly LocalBackend['name'][]

export function backendOf(name: LocalBackend['name']): LocalBackend {
  return { native: nativeBackend, kind: kindBackend }[name]()
}

/** kind where a Docker engine and it are there, else this machine itself; rejects where what is asked for cannot be. */
export async function chooseBackend({ asked, run, isRoot, asRoot }: ChoiceOptions): Promise<Choice> {
  if (asked === 'native') return native('as asked for')
  const kind = await askKind(run)
  if (kind.isPossible) {
    const found = `Docker ${kind.docker} answers, and kind ${kind.kind} is there`
    return { backend: kindBackend(), why: `cluster by kind: ${found} (--backend native takes this machine itself)` }
  }
  if (asked === 'kind') throw new Problem({ what: '--backend kind', why: kind.why, mend: kind.mend })
  return native(`kind is not used, for ${kind.why}`)

  function native(because: string): Choice {
    if (isRoot) return { backend: nativeBackend(), why: `cluster on this machine itself: ${because}` }
    throw new Problem({
      what: `a cluster on this machine itself (${because})`,
      why: 'it has a real node in namespaces of its own, and needs root for that',
      mend: asRoot,
    })
  }
}
