// @peculiar/x509 resolves its parts by decorators, and asks for this before it is loaded.
import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { readIfThere } from './files.ts'

export interface CertificateRequest {
  readonly commonName: string
  /** Kubernetes reads a client's groups from here. */
  readonly organization?: string
  readonly dnsNames?: readonly string[]
  readonly ipAddresses?: readonly string[]
}

export interface IssuedCertificate {
  readonly certPem: string
  readonly keyPem: string
}

export interface CertificateAuthority {
  readonly certPem: string
  /** One certificate for both server and client use, as kubeadm's do for the parts that are both. */
  issue(request: CertificateRequest): Promise<IssuedCertificate>
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const
const dayMs = 24 * 60 * 60 * 1000
const lifetimeMs = 10 * 365 * dayMs

/** The authority kept as NAME.crt and NAME.key in a folder, made there the first time. */
export async function openAuthority(dir: string, name: string, commonName: string): Promise<CertificateAuthority> {
  const certFile = join(dir, `${name}.crt`)
  const keyFile = join(dir, `${name}.key`)
  const [certPem, keyPem] = await Promise.all([readIfThere(certFile), readIfThere(keyFile)])
  if (certPem !== undefined && keyPem !== undefined) return authorityOf(certPem, await importPrivateKey(keyPem))

  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: subject({ commonName }),
    keys,
    signingAlgorithm,
    ...validity(),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  const made = certificate.toString('pem')
  // The key first: a kill between the two leaves no certificate without its key.
  await writeFile(keyFile, await exportPrivateKey(keys.privateKey), { mode: 0o600 })
  await writeFile(certFile, made)
  return authorityOf(made, keys.privateKey)
}

/** Writes NAME.crt and NAME.key, the key readable by its owner only, and returns their paths. */
export async function writeCertificate(
  dir: string,
  name: string,
  issued: IssuedCertificate,
): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  const certFile = join(dir, `${name}.crt`)
  const keyFile = join(dir, `${name}.key`)
  await writeFile(keyFile, issued.keyPem, { mode: 0o600 })
  await writeFile(certFile, issued.certPem)
  return { certFile, keyFile }
}

/** A key pair as PEM files NAME.key and NAME.pub: what service account tokens are signed and checked with. */
export async function writeKeyPair(
  dir: string,
  name: string,
): Promise<{ readonly publicFile: string; readonly keyFile: string }> {
  const publicFile = join(dir, `${name}.pub`)
  const keyFile = join(dir, `${name}.key`)
  if ((await readIfThere(publicFile)) === undefined || (await readIfThere(keyFile)) === undefined) {
    const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
    await writeFile(keyFile, await exportPrivateKey(keys.privateKey), { mode: 0o600 })
    const spki = await crypto.subtle.exportKey('spki', keys.publicKey)
    await writeFile(publicFile, x509.PemConverter.encode(spki, 'PUBLIC KEY'))
  }
  return { publicFile, keyFile }
}

function authorityOf(certPem: string, privateKey: webcrypto.CryptoKey): CertificateAuthority {
  const issuer = new x509.X509Certificate(certPem)
  return {
    certPem,
    async issue(request) {
      const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
      const names = [
        ...(request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
        ...(request.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
      ]
      const certificate = await x509.X509CertificateGenerator.create({
        subject: subject(request),
        issuer: issuer.subjectName,
        publicKey: keys.publicKey,
        signingKey: privateKey,
        signingAlgorithm,
        ...validity(),
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
          await x509.AuthorityKeyIdentifierExtension.create(issuer),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
          ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
        ],
      })
      return { certPem: certificate.toString('pem'), keyPem: await exportPrivateKey(keys.privateKey) }
    },
  }
}

function subject({ commonName, organization }: CertificateRequest): x509.JsonName {
  return [...(organization === undefined ? [] : [{ O: [organization] }]), { CN: [commonName] }]
}

function validity(): { readonly notBefore: Date; readonly notAfter: Date } {
  const now = Date.now()
  // A clock that is set back after the start must not refuse its own cluster.
  return { notBefore: new Date(now - dayMs), notAfter: new Date(now + lifetimeMs) }
}

async function exportPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}

async function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(pem)
  if (der === undefined) throw new Error('the key file of the certificate authority holds no PEM block')
  return crypto.subtle.importKey('pkcs8', der, keyAlgorithm, false, ['sign'])
}
