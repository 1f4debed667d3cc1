import type { Manifest } from '../local/install.ts'
import { applyObjects } from '../local/install.ts'
import { commandLine, type Call } from '../calls/call.ts'
import type { Problem } from '../calls/problem.ts'
import { kubeconfigOf, type AzureContext } from './context.ts'

/** What a look at the world found, in words either way. */
export interface Found {
  readonly isDone: boolean
  readonly detail: string
}

export function done(detail: string): Found {
  return { isDone: true, detail }
}

export function toDo(detail: string): Found {
  return { isDone: false, detail }
}

/** One thing that is done: what is printed in a dry run is what is performed else. */
export interface Action {
  readonly text: string
  readonly perform: (context: AzureContext) => Promise<unknown>
}

/**
 * One step. It keeps no record of what it did: each time it asks the world whether anything is left to do, so that it may
 * be begun again at any time, after whatever ended it.
 */
export interface AzureStep {
  readonly name: string
  /** What a person reads while it runs. */
  readonly title: string
  /** Only reads; it may be repeated at any time. Rejects where a person has to do something first. */
  readonly find: (context: AzureContext) => Promise<Found>
  /** What is left to do, from the environment and from what earlier steps made. */
  readonly actions: (context: AzureContext) => Promise<readonly Action[]> | readonly Action[]
  /** Looks, after the actions, whether they did what they should; `find` where it is not given. */
  readonly verify?: (context: AzureContext) => Promise<Found>
  /** How long Azure may take to show what was done. */
  readonly settleMs?: number
  /** What a person has to do where it is not shown by then; that it is to be typed again where it is not given. */
  readonly unsettled?: (context: AzureContext) => Problem
}

/** Runs a program. */
export function calling(call: Call): Action {
  return { text: commandLine(call), perform: ({ run }) => run(call) }
}

/** Applies objects, server-side, by the code that the local platform is installed with. */
export function applying(objects: readonly Manifest[]): Action {
  return {
    text: objects.map((object) => `apply ${describeObject(object)}`).join('\n'),
    perform: (context) => applyObjects(kubeconfigOf(context), objects, { signal: context.signal }),
  }
}

export function describeObject({ kind, metadata }: Manifest): string {
  const name = [metadata?.namespace, metadata?.name].filter((part) => part !== undefined).join('/')
  return `${kind} ${name}`
}
