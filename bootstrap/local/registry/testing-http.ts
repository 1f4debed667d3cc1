import { request } from 'undici'
import type { Dispatcher } from 'undici'
import type { TestRegistry } from './testing.ts'

export interface Asked {
  readonly status: number
  readonly headers: Dispatcher.ResponseData['headers']
  readonly text: string
  readonly json: unknown
}

/** Returns when the request is in the log. */
export async function ask(
  { url, dispatcher, requests }: TestRegistry,
  method: Dispatcher.HttpMethod,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  signal: AbortSignal | null = null,
): Promise<Asked> {
  try {
    return await read(await request(`${url}${path}`, { dispatcher, method, headers: { ...headers }, signal }))
  } finally {
    await requests.settled()
  }
}

export async function post(
  registry: TestRegistry,
  path: string,
  form: Readonly<Record<string, string>>,
): Promise<Asked> {
  return read(
    await request(`${registry.url}${path}`, {
      dispatcher: registry.dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    }),
  )
}

async function read({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Asked> {
  const text = await body.text()
  return {
    status: statusCode,
    headers,
    text,
    get json() {
      return JSON.parse(text) as unknown
    },
  }
}

export function bearer(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` }
}

export function basic(user: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`
}
