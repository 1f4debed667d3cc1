import { writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import type { IssuedCertificate } from './certificates.ts'

export interface KubeconfigContent {
  /** Name of the cluster and of the one context. */
  readonly name: string
  readonly url: string
  readonly caPem: string
  readonly client: IssuedCertificate
}

/** Writes a kubeconfig that carries its certificates, so that it can be copied; readable by its owner only. */
export async function writeKubeconfig(path: string, content: KubeconfigContent): Promise<void> {
  const base64 = (pem: string): string => Buffer.from(pem).toString('base64')
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: content.name, cluster: { server: content.url, 'certificate-authority-data': base64(content.caPem) } },
    ],
    users: [
      {
        name: content.name,
        user: {
          'client-certificate-data': base64(content.client.certPem),
          'client-key-data': base64(content.client.keyPem),
        },
      },
    ],
    contexts: [{ name: content.name, context: { cluster: content.name, user: content.name } }],
    'current-context': content.name,
  }
  await writeFile(path, stringify(kubeconfig), { mode: 0o600 })
}
