import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { resetConnection } from './reset-connection.ts'

t.test('a connection is reset, so that the other side sees more than an end', async (t) => {
  const { server, client } = await openPair(t)
  const seen = once(client, 'error')
  resetConnection(server)
  const [error] = (await seen) as [NodeJS.ErrnoException]
  t.equal(error.code, 'ECONNRESET')
})

t.test('one that is being ended is closed without an error, and nothing of it stays', async (t) => {
  const { server, client } = await openPair(t)
  const errors: Error[] = []
  server.on('error', (error) => errors.push(error))
  const isOver = Promise.all([once(server, 'close'), once(client, 'close')])
  server.end('the last word')
  resetConnection(server)
  await isOver
  t.same(errors, [])
})

async function openPair(t: Test): Promise<{ readonly server: Socket; readonly client: Socket }> {
  const listener = createServer({ allowHalfOpen: true })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const accepted = once(listener, 'connection')
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1')
  client.resume()
  const [server] = (await accepted) as [Socket]
  t.teardown(() => {
    client.destroy()
    server.destroy()
    listener.close()
  })
  return { server, client }
}
