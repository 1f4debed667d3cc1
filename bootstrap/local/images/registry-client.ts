import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { request, type Dispatcher } from 'undici'
import { blobPath, isIndex, readIndex, readManifest, type Descriptor, type OciImage } from './oci-image.ts'

export interface RegistryClientOptions {
  /** `https://HOST` or `https://HOST:PORT`. */
  readonly origin: string
  readonly username: string
  readonly password: string
  /** Resolves the host and trusts its certificate. */
  readonly dispatcher: Dispatcher
}

export interface PushOptions {
  readonly signal?: AbortSignal
  /** Told of each blob that the registry lacked. */
  readonly onBlob?: (blob: Descriptor) => void
}

/** Pushes images as CI does: by digest first, the tag last. */
export interface RegistryClient {
  /** Pushes an image, or an index and all that it names, under its digest alone, and answers that. */
  push(image: OciImage, repository: string, options?: PushOptions): Promise<string>
  /** Makes a tag name what was pushed under a digest. */
  tag(image: OciImage, repository: string, tag: string, options?: PushOptions): Promise<void>
}

/** A registry refused; the message says what, and with which of its codes, but not what was sent. */
export class RegistryRefused extends Error {
  override readonly name = 'RegistryRefused'
  readonly status: number
  readonly codes: readonly string[]

  constructor(call: string, status: number, codes: readonly string[]) {
    super(`${call} was answered ${status}${codes.length > 0 ? ` ${codes.join(', ')}` : ''}.`)
    this.status = status
    this.codes = codes
  }
}

/**
 * Speaks the push part of https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push, and asks for
 * tokens as https://distribution.github.io/distribution/spec/auth/token/ says.
 */
export function openRegistryClient(options: RegistryClientOptions): RegistryClient {
  const send = authorized(options)
  return {
    push: async (image, repository, { signal, onBlob } = {}) => {
      const manifests = isIndex(image.root) ? (await readIndex(image)).manifests : []
      for (const manifest of manifests) await pushManifest(manifest)
      await pushManifest(image.root)
      return image.root.digest

      async function pushManifest(descriptor: Descriptor): Promise<void> {
        if (!isIndex(descriptor)) {
          const { config, layers } = await readManifest(image, descriptor)
          for (const blob of [config, ...layers]) {
            if (await pushBlob(send, image, { repository, blob, signal })) onBlob?.(blob)
          }
        }
        await putManifest(send, image, { repository, descriptor, reference: descriptor.digest, signal })
      }
    },
    tag: (image, repository, tag, { signal } = {}) =>
      putManifest(send, image, { repository, descriptor: image.root, reference: tag, signal }),
  }
}

interface Call {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT'
  /** Path and query on the registry, or a whole URL on it. */
  readonly path: string
  readonly repository: string
  readonly headers?: Readonly<Record<string, string>>
  /** Made anew for each try. */
  readonly body?: () => Buffer | Readable
  readonly signal: AbortSignal | undefined
}

type Send = (call: Call, accepted: readonly number[]) => Promise<Dispatcher.ResponseData>

/** Answers whether the registry lacked it. */
async function pushBlob(
  send: Send,
  image: OciImage,
  { repository, blob, signal }: { repository: string; blob: Descriptor; signal: AbortSignal | undefined },
): Promise<boolean> {
  const there = `/v2/${repository}/blobs/${blob.digest}`
  // 307 leads to where the registry keeps its blobs: it has this one.
  const head = await send({ method: 'HEAD', path: there, repository, signal }, [200, 307, 404])
  if (head.statusCode !== 404) return false

  const started = await send({ method: 'POST', path: `/v2/${repository}/blobs/uploads/`, repository, signal }, [202])
  const location = started.headers['location']
  if (typeof location !== 'string') throw new Error(`The registry named no place to upload ${blob.digest} to.`)
  const separator = location.includes('?') ? '&' : '?'
  await send(
    {
      method: 'PUT',
      path: `${location}${separator}digest=${encodeURIComponent(blob.digest)}`,
      repository,
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) },
      body: () => createReadStream(blobPath(image.layout, blob.digest)),
      signal,
    },
    [201],
  )
  return true
}

async function putManifest(
  send: Send,
  image: OciImage,
  manifest: { repository: string; descriptor: Descriptor; reference: string; signal: AbortSignal | undefined },
): Promise<void> {
  const { repository, descriptor, reference, signal } = manifest
  const content = await readFile(blobPath(image.layout, descriptor.digest))
  await send(
    {
      method: 'PUT',
      path: `/v2/${repository}/manifests/${reference}`,
      repository,
      headers: { 'content-type': descriptor.mediaType },
      body: () => content,
      signal,
    },
    [201],
  )
}

function authorized({ origin, username, password, dispatcher }: RegistryClientOptions): Send {
  const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const tokens = new Map<string, string>()

  return async (call, accepted) => {
    const first = await attempt(call, tokens.get(call.repository))
    if (first.statusCode !== 401) return settle(call, first, accepted)
    await first.body.dump()
    const authorization = await authorizationFor(String(first.headers['www-authenticate'] ?? ''), call)
    tokens.set(call.repository, authorization)
    return settle(call, await attempt(call, authorization), accepted)
  }

  function attempt(call: Call, authorization: string | undefined): Promise<Dispatcher.ResponseData> {
    const url = new URL(call.path, origin)
    // Credentials go to the registry alone, wherever it sends us.
    const isOwn = url.origin === new URL(origin).origin
    return request(url, {
      method: call.method,
      dispatcher,
      headers: { ...call.headers, ...(authorization && isOwn && { authorization }) },
      ...(call.body && { body: call.body() }),
      ...(call.signal && { signal: call.signal }),
    })
  }

  async function authorizationFor(challenge: string, { repository, signal }: Call): Promise<string> {
    if (/^basic\b/i.test(challenge)) return basic
    const parameters = new Map(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]),
    )
    const realm = parameters.get('realm')
    if (!/^bearer\b/i.test(challenge) || !realm) throw new Error(`The registry asks for what is unknown: ${challenge}`)
    const url = new URL(realm)
    const service = parameters.get('service')
    if (service) url.searchParams.set('service', service)
    url.searchParams.set('scope', `repository:${repository}:pull,push`)
    const answer = await request(url, {
      dispatcher,
      headers: { authorization: basic },
      ...(signal && { signal }),
    })
    if (answer.statusCode !== 200) throw await refused(`GET ${url.pathname} for ${repository}`, answer)
    const { access_token: accessToken, token } = (await answer.body.json()) as { access_token?: string; token?: string }
    return `Bearer ${accessToken ?? token ?? ''}`
  }

  async function settle(call: Call, answer: Dispatcher.ResponseData, accepted: readonly number[]) {
    if (!accepted.includes(answer.statusCode)) {
      throw await refused(`${call.method} ${new URL(call.path, origin).pathname}`, answer)
    }
    await answer.body.dump()
    return answer
  }
}

async function refused(call: string, answer: Dispatcher.ResponseData): Promise<RegistryRefused> {
  const text = await answer.body.text()
  return new RegistryRefused(call, answer.statusCode, errorCodes(text))
}

/** https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes */
function errorCodes(text: string): readonly string[] {
  try {
    const { errors } = JSON.parse(text) as { readonly errors?: readonly { readonly code?: string }[] }
    return (errors ?? []).flatMap(({ code }) => code ?? [])
  } catch {
    return []
  }
}
