import { createHash, timingSafeEqual } from 'node:crypto'
import { isWorkload } from '../config.ts'
import type { Identity, PasswordIdentity, WorkloadIdentity } from '../config.ts'

/** Who may use the registry, and how they prove who they are. */
export interface Identities {
  withClientId(clientId: string): WorkloadIdentity | undefined
  /** Undefined where there is no such user, and where the password is another. */
  withPassword(username: string, password: string): PasswordIdentity | undefined
  withName(name: string): Identity | undefined
}

export function identitiesOf(configured: readonly Identity[]): Identities {
  const byName = new Map(configured.map((identity) => [identity.name, identity]))
  const workloads = new Map(configured.filter(isWorkload).map((identity) => [identity.clientId, identity]))
  const users = new Map(
    configured.flatMap((identity) => (isWorkload(identity) ? [] : [[identity.username, identity] as const])),
  )
  return {
    withClientId: (clientId) => workloads.get(clientId),
    withPassword(username, password) {
      const user = users.get(username)
      return user && isSame(user.password, password) ? user : undefined
    },
    withName: (name) => byName.get(name),
  }
}

function isSame(expected: string, given: string): boolean {
  // Hashed first, for only buffers of one length can be compared in constant time.
  const [a, b] = [expected, given].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer]
  return timingSafeEqual(a, b)
}
