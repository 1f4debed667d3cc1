import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { openApp } from './testing.ts'

t.test('what is no HTTP request is still answered in the shape of an error', async (t) => {
  const app = await openApp(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo

  const cases: Readonly<Record<string, readonly [request: string, status: number, code: string]>> = {
    'a line that is no request': ['HELLO\r\n\r\n', 400, 'bad_request'],
    'a method that does not exist': ['BREW /quote HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'bad_request'],
    'two lengths': [
      'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
      'bad_request',
    ],
    'headers that are too large': [
      `GET /health HTTP/1.1\r\nHost: x\r\nX-Large: ${'a'.repeat(9_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    'a path that is too long': [`GET /${'a'.repeat(9_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, 'headers_too_large'],
  }
  for (const [name, [request, status, code]] of Object.entries(cases)) {
    const answer = await exchange(port, request)
    t.ok(answer.startsWith(`HTTP/1.1 ${status} `), `${name}: ${answer.slice(0, 40)}`)
    t.match(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))), { detail: { error: code, message: String } }, name)
  }
})

async function exchange(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  return text(socket)
}
