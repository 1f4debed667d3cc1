import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ApiError, errorBody, type ErrorCode } from './errors.ts'

/** Node's own handler goes by this property too: the answer that is being written to a connection. */
type HttpSocket = Socket & { readonly _httpMessage?: ServerResponse | null }
type ClientError = Error & { readonly code?: string }

/** What Node's HTTP parser refuses never becomes a request, so it is answered on the socket itself. */
export function clientErrorHandler(error: ClientError, socket: HttpSocket): void {
  const answer = refusalOf(error, socket)
  if (answer === undefined) socket.destroy()
  else answerOnSocket(socket, answer)
}

/** What the client is answered; undefined where it hears nothing of it. */
export function refusalOf({ code = '' }: ClientError, socket: HttpSocket): ApiError | undefined {
  const { _httpMessage: underWay } = socket
  // Behind the head of another answer ours would be read as part of its body.
  const isUnheard = code === 'ECONNRESET' || !socket.writable || underWay?.headersSent === true
  return isUnheard ? undefined : new ApiError(codes[code] ?? 'bad_request')
}

/** How long a connection may stay that was answered like this: for the answer to arrive, whatever is still sent. */
const lingerMs = 1_000

/** Answers where there is no reply to answer with, and closes the connection. */
export function answerOnSocket(socket: Duplex, answer: ApiError): void {
  // Node lets go of a socket that asked for a tunnel, and an error that nobody listens for ends the process.
  socket.on('error', () => socket.destroy())
  // Its own limits of time do not hold for such a socket, nor a second time for one that was answered with 408.
  const lingering = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(lingering))
  const body = JSON.stringify(errorBody(answer))
  socket.end(
    [
      `HTTP/1.1 ${answer.statusCode} ${STATUS_CODES[answer.statusCode]}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  )
}

const codes: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'payload_too_large',
}
