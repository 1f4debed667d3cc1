import { createPrivateKey, createPublicKey, generateKeyPair, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { calculateJwkThumbprint, exportJWK } from 'jose'
import type { JWK } from 'jose'
import { readJsonIfThere, writeWhole } from '../../files.ts'

export interface SigningKey {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly publicJwk: JWK & { readonly kid: string }
}

export interface Keys {
  /** Signs Entra ID's access tokens. */
  readonly entra: SigningKey
  /** Signs ACR's refresh and access tokens. */
  readonly registry: SigningKey
  /** Signs the URLs of blobs. */
  readonly blobSecret: Buffer
}

interface StoredKeys {
  readonly entra: string
  readonly registry: string
  readonly blobSecret: string
}

/**
 * The keys kept in the state folder, made there the first time. They outlive a restart, as Azure's do: clients hold a
 * refresh token for hours, and do not ask for another one before it has expired.
 */
export async function openKeys(stateDir: string): Promise<Keys> {
  const file = join(stateDir, 'keys.json')
  const stored = (await readJsonIfThere<StoredKeys>(file)) ?? (await makeKeys(file))
  return {
    entra: await signingKey(stored.entra),
    registry: await signingKey(stored.registry),
    blobSecret: Buffer.from(stored.blobSecret, 'base64url'),
  }
}

async function makeKeys(file: string): Promise<StoredKeys> {
  const [entra, registry] = await Promise.all([makePrivateKey(), makePrivateKey()])
  const stored = { entra, registry, blobSecret: randomBytes(32).toString('base64url') }
  await writeWhole(file, JSON.stringify(stored), { mode: 0o600 })
  return stored
}

async function makePrivateKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

async function signingKey(pem: string): Promise<SigningKey> {
  const privateKey = createPrivateKey(pem)
  const publicKey = createPublicKey(privateKey)
  const jwk = await exportJWK(publicKey)
  return {
    privateKey,
    publicKey,
    publicJwk: { ...jwk, use: 'sig', alg: 'RS256', kid: await calculateJwkThumbprint(jwk) },
  }
}
