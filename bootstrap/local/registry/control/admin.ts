import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { parseWith, strictObject } from '../schema.ts'
import { faultSchema } from './faults.ts'
import type { Faults } from './faults.ts'
import type { LoggedRequest, RequestLog } from './request-log.ts'

const querySchema = strictObject({
  after: Type.Optional(Type.Integer({ minimum: 0 })),
  host: Type.Optional(Type.String()),
  method: Type.Optional(Type.String()),
  path: Type.Optional(Type.String()),
  repository: Type.Optional(Type.String()),
  user: Type.Optional(Type.String()),
})

/** How long the log waits for requests under way; one that was told to stall may never end. */
const settleMs = 250

/**
 * Tells the registry to fail, and reads what was asked of it. Not for clients of the registry: it listens apart, on
 * the loopback or a Unix socket.
 *
 * | request | answer |
 * | --- | --- |
 * | `POST /faults` with a fault | 201 `{ "id" }` |
 * | `GET /faults` | 200 `{ "faults" }`, each with how often it was met |
 * | `DELETE /faults`, `DELETE /faults/{id}` | 204; 404 for an id that is not there |
 * | `GET /requests?after=&host=&method=&path=&repository=&user=` | 200 `{ "last", "requests" }` |
 * | `DELETE /requests` | 204 |
 * | `GET /healthz` | 200 once the registry takes requests |
 */
export function buildAdmin(faults: Faults, requests: RequestLog): FastifyInstance {
  const app = Fastify({ forceCloseConnections: true })
  app.post('/faults', async (request, reply) => {
    const fault = parse(faultSchema, request.body)
    return reply.code(201).send({ id: valid(() => faults.add(fault)) })
  })
  app.get('/faults', async () => ({ faults: faults.list() }))
  app.delete('/faults', async (_request, reply) => {
    faults.clearAll()
    return reply.code(204).send()
  })
  app.delete<{ Params: { id: string } }>('/faults/:id', async (request, reply) => {
    return reply.code(faults.clear(request.params.id) ? 204 : 404).send()
  })
  app.get('/requests', async (request) => {
    await requests.settled(settleMs)
    // A query is text: numbers are read from it.
    return { last: requests.last, requests: readRequests(requests, Value.Convert(querySchema, request.query)) }
  })
  app.delete('/requests', async (_request, reply) => {
    requests.clear()
    return reply.code(204).send()
  })
  app.get('/healthz', async () => ({ status: 'ok' }))
  return app
}

function readRequests(requests: RequestLog, query: unknown): readonly LoggedRequest[] {
  const parsed = parse(querySchema, query)
  return valid(() => requests.query(parsed))
}

function parse<Schema extends TSchema>(schema: Schema, input: unknown): Static<Schema> {
  const parsed = parseWith(schema, input)
  if ('value' in parsed) return parsed.value
  throw badRequest(parsed.problems.join('; '))
}

/** A path that is not a regular expression is the caller's mistake too. */
function valid<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof SyntaxError ? badRequest(error.message) : error
  }
}

function badRequest(message: string): Error {
  return Object.assign(new Error(message), { statusCode: 400 })
}
