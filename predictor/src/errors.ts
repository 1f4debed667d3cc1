import { Type, type TProperties } from '@fastify/type-provider-typebox'

/** Every error code that a client can see, with the status it comes with and what it means. */
export const errorCodes = {
  bad_request: { status: 400, message: 'The request could not be understood.' },
  unsupported_symbol: { status: 400, message: 'The symbol is not in the catalogue.' },
  not_found: { status: 404, message: 'There is nothing at this path.' },
  method_not_allowed: { status: 405, message: 'This path does not take this method; see the Allow header.' },
  request_timeout: { status: 408, message: 'The request took too long to arrive.' },
  payload_too_large: { status: 413, message: 'The body is larger than this service reads.' },
  uri_too_long: { status: 414, message: 'The URL is longer than this service reads.' },
  unsupported_media_type: { status: 415, message: 'Nothing here reads a body of this type.' },
  invalid_request: { status: 422, message: 'The request lacks something or something in it is malformed.' },
  headers_too_large: { status: 431, message: 'The headers are larger than this service reads.' },
  internal_error: { status: 500, message: 'The service failed; the cause is in its log.' },
  overloaded: { status: 503, message: 'The service has too much to do; try again.' },
  draining: { status: 503, message: 'The service is shutting down.' },
} as const

export type ErrorCode = keyof typeof errorCodes

/** What a handler throws to be answered as `{ "detail": { "error": code, … } }`. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ErrorCode
  readonly statusCode: number
  readonly detail: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, detail: Readonly<Record<string, unknown>> = { message: errorCodes[code].message }) {
    super(errorCodes[code].message)
    this.code = code
    this.statusCode = errorCodes[code].status
    this.detail = detail
  }
}

export interface ErrorBody {
  readonly detail: { readonly error: ErrorCode } & Readonly<Record<string, unknown>>
}

export function errorBody({ code, detail }: Pick<ApiError, 'code' | 'detail'>): ErrorBody {
  return { detail: { error: code, ...detail } }
}

/** The code that stands for a status where nobody said more: errors of the framework and of the HTTP parser. */
export function codeOfStatus(status: number): ErrorCode {
  const known = (Object.keys(errorCodes) as ErrorCode[]).find((code) => errorCodes[code].status === status)
  return known ?? (status >= 400 && status < 500 ? 'bad_request' : 'internal_error')
}

const Message = Type.String({ description: 'For a person; may change.' })

/** Schema of one status's answer, for validation of what is sent and for the OpenAPI document. */
export function errorSchema(codes: readonly ErrorCode[], description: string, more: TProperties = {}) {
  const detail = Type.Object({ error: Type.Enum([...codes]), ...more })
  return Type.Object({ detail }, { description })
}

const plain = { message: Message }

/** Answers that any operation can give. */
export const commonErrors = {
  400: errorSchema(['bad_request'], 'The request could not be understood.', plain),
  408: errorSchema(['request_timeout'], 'The request took too long to arrive.', plain),
  414: errorSchema(['uri_too_long'], 'The URL is longer than 2 KiB.', plain),
  431: errorSchema(['headers_too_large'], 'The request line and the headers are larger than 8 KiB.', plain),
  500: errorSchema(['internal_error'], 'The service failed. The cause is logged, never answered.', plain),
} as const

export const overloadedError = errorSchema(
  ['overloaded'],
  'The service has too much to do. `Retry-After` says when to try again.',
  plain,
)

export const drainingError = errorSchema(['draining'], 'The service is shutting down.', plain)

/** Of operations that can be sent a body. */
export const bodyErrors = {
  413: errorSchema(['payload_too_large'], 'The body is larger than 16 KiB.', plain),
  415: errorSchema(['unsupported_media_type'], 'The body is not JSON.', plain),
} as const

/** Of operations on a symbol. */
export const symbolErrors = {
  400: Type.Object(
    {
      detail: Type.Object({
        error: Type.Enum(['unsupported_symbol', 'bad_request']),
        supported_symbols: Type.Optional(
          Type.Array(Type.String(), { description: 'Sorted; with unsupported_symbol only.' }),
        ),
        message: Type.Optional(Message),
      }),
    },
    { description: 'The symbol is not in the catalogue, or the request could not be understood.' },
  ),
  422: errorSchema(['invalid_request'], 'The symbol is missing or malformed.', {
    message: Message,
    issues: Type.Array(
      Type.Object({
        in: Type.String({ examples: ['querystring'] }),
        field: Type.String({ examples: ['symbol'] }),
        message: Type.String(),
      }),
      { description: 'What is wrong where.' },
    ),
  }),
  503: overloadedError,
} as const
