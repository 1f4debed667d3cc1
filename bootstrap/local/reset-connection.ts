import type { Socket } from 'node:net'

/**
 * Resets a TCP connection, as networks do. One that is being ended can't be reset any more: libuv refuses that, and Node
 * (seen in v24.21.0) loses the handle all the same and never comes to the end of its exit, so it is closed instead.
 * https://docs.libuv.org/en/v1.x/tcp.html#c.uv_tcp_close_reset
 */
export function resetConnection(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
