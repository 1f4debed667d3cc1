export interface Claims {
  /** Seconds since the epoch. */
  readonly exp?: number
  readonly iat?: number
}

/** When a token ends, by its own word. It is not verified: that is for whom it is given to. */
export function readClaims(token: string): Claims {
  const payload = parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url'))
  if (typeof payload !== 'object' || payload === null) return {}
  const { exp, iat } = payload as { exp?: unknown; iat?: unknown }
  return { ...(typeof exp === 'number' && { exp }), ...(typeof iat === 'number' && { iat }) }
}

/** A text field of a JSON answer. */
export function readField(body: Buffer, field: string): string | undefined {
  const parsed = parseJson(body)
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const value: unknown = Reflect.get(parsed, field)
  return typeof value === 'string' && value !== '' ? value : undefined
}

function parseJson(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'))
  } catch {
    return undefined
  }
}
