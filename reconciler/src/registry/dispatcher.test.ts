import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createDispatcher } from './dispatcher.ts'

/** What undici keeps a silent connection by default, of a server that does not say how long it does. */
const undiciDefaultMs = 4_000

t.test('requests as far apart as polls go over one connection', async (t) => {
  let connections = 0
  const server = createServer((_, response) => response.end())
  server.keepAliveTimeout = 0
  server.on('connection', () => (connections += 1))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const dispatcher = createDispatcher()
  t.teardown(() => dispatcher.close())

  const poll = async (): Promise<void> => {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { headers, body } = await dispatcher.request({ origin, path: '/', method: 'GET' })
    await body.dump()
    t.equal(headers['keep-alive'], undefined, 'the server says nothing of it')
  }
  await poll()
  await delay(undiciDefaultMs + 1_000)
  await poll()
  t.equal(connections, 1)
})
