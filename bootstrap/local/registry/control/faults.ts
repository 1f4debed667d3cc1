import { Type } from 'typebox'
import type { Static } from 'typebox'
import { strictObject } from '../schema.ts'

const milliseconds = Type.Integer({ minimum: 0 })

const effect = Type.Union([
  /** Answered with this status, instead of being served. */
  strictObject({
    kind: Type.Literal('status'),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    retryAfterSeconds: Type.Optional(Type.Integer({ minimum: 0 })),
  }),
  /** Served after a while. */
  strictObject({ kind: Type.Literal('delay'), ms: milliseconds }),
  /** Not answered until the fault is cleared: not at all, or only the head and the first half of the body. */
  strictObject({ kind: Type.Literal('stall'), after: Type.Union([Type.Literal('nothing'), Type.Literal('half')]) }),
  /** The connection ends after the first half of the body, which the head announced in full. */
  strictObject({ kind: Type.Literal('truncate') }),
  /** A body of JSON that breaks off, in an answer that is whole. */
  strictObject({ kind: Type.Literal('malformed') }),
  /** A page without the link to the next one. */
  strictObject({ kind: Type.Literal('dropLink') }),
  /** The connection is reset before an answer. */
  strictObject({ kind: Type.Literal('reset') }),
])

export const faultSchema = strictObject({
  /** Which requests it meets; all of what is given must fit, and all requests where nothing is. */
  match: strictObject(
    {
      host: Type.Optional(Type.Union([Type.Literal('registry'), Type.Literal('blobs'), Type.Literal('entra')])),
      method: Type.Optional(Type.String()),
      /** A regular expression on the path, percent-encodings resolved, without the query. */
      path: Type.Optional(Type.String()),
      repository: Type.Optional(Type.String()),
    },
    { default: {} },
  ),
  /** How many requests that fit are served before it begins: 1 fails the second page. */
  skip: Type.Integer({ minimum: 0, default: 0 }),
  /** How many requests it meets; until it is cleared, where left out. */
  count: Type.Optional(Type.Integer({ minimum: 1 })),
  effect,
})

export type Fault = Static<typeof faultSchema>
export type FaultEffect = Fault['effect']
/** As it is written: what has a default may be left out. */
export type FaultInput = Pick<Fault, 'effect'> & Partial<Fault>

export type Role = NonNullable<Fault['match']['host']>

export interface FaultSubject {
  readonly host: Role | undefined
  readonly method: string
  readonly path: string
  readonly repository: string | undefined
}

export interface ActiveFault extends Fault {
  readonly id: string
  /** How many requests it has met. */
  readonly met: number
}

/** What one request meets. */
export interface MetFault {
  readonly id: string
  readonly effect: FaultEffect
  /** Aborted when the fault is cleared, which ends a stall. */
  readonly cleared: AbortSignal
}

interface State {
  readonly fault: Fault
  readonly path: RegExp | undefined
  readonly controller: AbortController
  fitted: number
  met: number
}

/** What the registry has been told to do wrong. */
export class Faults {
  readonly #states = new Map<string, State>()
  #nextId = 1

  /** Returns the fault's id. Throws for a path that is not a regular expression. */
  add({ match = {}, skip = 0, count, effect }: FaultInput): string {
    const id = String(this.#nextId)
    const path = match.path === undefined ? undefined : new RegExp(match.path)
    this.#nextId += 1
    this.#states.set(id, {
      fault: { match, skip, effect, ...(count !== undefined && { count }) },
      path,
      controller: new AbortController(),
      fitted: 0,
      met: 0,
    })
    return id
  }

  /** Whether there was such a fault. */
  clear(id: string): boolean {
    this.#states.get(id)?.controller.abort()
    return this.#states.delete(id)
  }

  clearAll(): void {
    for (const id of this.#states.keys()) this.clear(id)
  }

  list(): readonly ActiveFault[] {
    return [...this.#states].map(([id, { fault, met }]) => ({ ...fault, id, met }))
  }

  /** The first fault that a request meets, in the order in which they were set; it counts as met. */
  meet(subject: FaultSubject): MetFault | undefined {
    for (const [id, state] of this.#states) {
      if (!fits(state, subject)) continue
      state.fitted += 1
      const { skip, count = Infinity } = state.fault
      if (state.fitted <= skip || state.met >= count) continue
      state.met += 1
      return { id, effect: state.fault.effect, cleared: state.controller.signal }
    }
    return undefined
  }
}

function fits({ fault: { match }, path }: State, subject: FaultSubject): boolean {
  return (
    (match.host === undefined || match.host === subject.host) &&
    (match.method === undefined || match.method === subject.method) &&
    (match.repository === undefined || match.repository === subject.repository) &&
    (path === undefined || path.test(subject.path))
  )
}
