/** Takes secrets out of a text. */
export type Mask = (text: string) => string

const hidden = '***'

/**
 * What is a secret by its form, whoever prints it: tokens, keys, signatures in URLs, passwords of a JSON answer or of an
 * argument. The first group of each stays.
 */
const forms: readonly RegExp[] = [
  // A JSON Web Token (RFC 7519) begins with the encoded '{"'.
  /()\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g,
  /(Bearer |Basic )[\w+/=.~-]{8,}/gi,
  // Shared access signatures, and the keys of storage accounts: 64 bytes as base64.
  /([?&]sig=)[^&\s"']+/gi,
  /()\b[A-Za-z0-9+/]{86}==/g,
  /("(?:accessToken|access_token|refreshToken|refresh_token|clientSecret|client_secret|password|primaryKey|secondaryKey|connectionString|token)"\s*:\s*")[^"]+/gi,
  /((?:client-key-data|client-certificate-data|token|password):\s*)\S+/gi,
  /(--(?:password|token|client-secret|account-key|sas-token)[= ])\S+/gi,
  // Tokens of GitHub say what they are by their prefix.
  /()\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,})/g,
  /()-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?-----END [A-Z ]*PRIVATE KEY-----/g,
]

/** Hides what has the form of a secret, and the values of variables of the environment that are named like one. */
export function maskSecrets(environment: NodeJS.ProcessEnv = {}): Mask {
  const known = Object.entries(environment)
    .filter(([name, value]) => /TOKEN|SECRET|PASSWORD|_KEY$/i.test(name) && (value?.length ?? 0) >= 8)
    .map(([, value = '']) => value)
  return (text) => {
    const withoutKnown = known.reduce((rest, secret) => rest.replaceAll(secret, hidden), text)
    return forms.reduce((rest, form) => rest.replace(form, `$1${hidden}`), withoutKnown)
  }
}
