import type { V1Secret } from '@kubernetes/client-node'
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import type { CertificateRequest } from './routing.ts'
import { keyText } from './routing.ts'

export interface CertificateFiles {
  /** By name; a name changes with the content. */
  readonly files: ReadonlyMap<string, string>
  /** The one of them that lists the others, in HAProxy's crt-list format; nothing where there is no certificate. */
  readonly list?: string
  readonly problems: readonly string[]
}

/**
 * The certificates that Ingresses ask for, as files below `directory`. A pair that doesn't fit is reported and left
 * out: HAProxy would refuse the whole configuration for it, and one tenant would hold up all others.
 */
export function certificateFiles(
  requests: readonly CertificateRequest[],
  secrets: readonly V1Secret[],
  directory: string,
): CertificateFiles {
  const byKey = new Map(
    secrets.map((secret) => [`${secret.metadata?.namespace ?? ''}/${secret.metadata?.name ?? ''}`, secret]),
  )
  const files = new Map<string, string>()
  const problems: string[] = []
  const lines: string[] = []
  for (const { secret, hosts } of requests) {
    try {
      const pem = certificatePem(byKey.get(keyText(secret)))
      const file = `${directory}/${hashOf(pem)}.pem`
      files.set(file, pem)
      lines.push([file, ...hosts].join(' '))
    } catch (error) {
      problems.push(`Secret ${keyText(secret)} is left out: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (lines.length === 0) return { files, problems }
  const text = `${lines.join('\n')}\n`
  const list = `${directory}/${hashOf(text)}.list`
  files.set(list, text)
  return { files, list, problems }
}

/** Parsed and written anew, so that only what was understood gets into the file. */
function certificatePem(secret: V1Secret | undefined): string {
  if (secret === undefined) throw new Error('it does not exist or is not of type kubernetes.io/tls')
  const certificates = pemBlocks(decode(secret, 'tls.crt')).map((block) => new X509Certificate(block))
  const [leaf] = certificates
  if (leaf === undefined) throw new Error('tls.crt holds no certificate')
  const key = createPrivateKey(decode(secret, 'tls.key'))
  if (!leaf.checkPrivateKey(key)) throw new Error('tls.key is not the key of the certificate in tls.crt')
  return [...certificates.map(String), key.export({ type: 'pkcs8', format: 'pem' })].join('')
}

function pemBlocks(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
}

function decode(secret: V1Secret, entry: string): string {
  return Buffer.from(secret.data?.[entry] ?? '', 'base64').toString()
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
