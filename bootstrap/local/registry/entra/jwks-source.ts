import { readFile } from 'node:fs/promises'
import { createLocalJWKSet, errors } from 'jose'
import type { CryptoKey, FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters } from 'jose'
import { Agent, request } from 'undici'
import type { JwksConfig } from '../config.ts'

/** Finds the key that a token is signed with. */
export interface JwksSource {
  /** Throws {@link JwksUnavailable} where the keys can't be read, and jose's errors where none fits. */
  key(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey>
  close(): Promise<void>
}

export class JwksUnavailable extends Error {
  override readonly name = 'JwksUnavailable'
}

/** Between two readings for a key that is not known: tokens with invented keys must not become requests. */
const cooldownMs = 5_000
const timeoutMs = 5_000

/**
 * The keys of an issuer. They are read when they are first needed, and again for a key that is not among them: a new
 * cluster has new keys, and a cluster may change its own.
 */
export function openJwks(config: JwksConfig, nowMs: () => number): JwksSource {
  const reader = readerOf(config)
  let known: { readonly find: ReturnType<typeof createLocalJWKSet>; readonly readAtMs: number } | undefined
  let reading: Promise<NonNullable<typeof known>> | undefined

  async function read(): Promise<NonNullable<typeof known>> {
    reading ??= reader
      .read()
      .then((jwks) => ({ find: createLocalJWKSet(jwks), readAtMs: nowMs() }))
      .catch((error: unknown) => {
        throw new JwksUnavailable(`the keys of ${reader.name} could not be read: ${messageOf(error)}`, { cause: error })
      })
      .finally(() => {
        reading = undefined
      })
    known = await reading
    return known
  }

  return {
    async key(header, token) {
      const { find, readAtMs } = known ?? (await read())
      try {
        return await find(header, token)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || nowMs() - readAtMs < cooldownMs) throw error
        return (await read()).find(header, token)
      }
    },
    close: () => reader.close(),
  }
}

interface JwksReader {
  readonly name: string
  read(): Promise<JSONWebKeySet>
  close(): Promise<void>
}

function readerOf(config: JwksConfig): JwksReader {
  const nothingToClose = () => Promise.resolve()
  if ('keys' in config) {
    return { name: 'the configuration', read: async () => config, close: nothingToClose }
  }
  if ('file' in config) {
    const { file } = config
    return { name: file, read: async () => parseJwks(await readFile(file, 'utf8')), close: nothingToClose }
  }
  return urlReader(config)
}

function urlReader({ url, caFile, certFile, keyFile }: Extract<JwksConfig, { url: string }>): JwksReader {
  let agent: Agent | undefined
  return {
    name: url,
    async read() {
      // Not before: the files may be written after this process has started.
      agent ??= new Agent({ connect: await tlsOptions({ ca: caFile, cert: certFile, key: keyFile }) })
      const answer = await request(url, { dispatcher: agent, signal: AbortSignal.timeout(timeoutMs) })
      const text = await answer.body.text()
      if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`)
      return parseJwks(text)
    },
    async close() {
      await agent?.destroy()
    },
  }
}

async function tlsOptions(files: Readonly<Record<string, string | undefined>>): Promise<Record<string, Buffer>> {
  const read = Object.entries(files).map(async ([name, file]) =>
    file === undefined ? [] : [[name, await readFile(file)] as const],
  )
  return Object.fromEntries((await Promise.all(read)).flat())
}

function parseJwks(text: string): JSONWebKeySet {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) {
    throw new TypeError('it is not a JSON Web Key Set')
  }
  return value as JSONWebKeySet
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
