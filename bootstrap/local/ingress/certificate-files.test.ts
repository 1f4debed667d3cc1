import type { V1Secret } from '@kubernetes/client-node'
import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { openAuthority } from '../certificates.ts'
import { certificateFiles } from './certificate-files.ts'

const request = { secret: { namespace: 'shop', name: 'cert' }, hosts: ['a.test', 'b.test'] }

function secret(certificate: string, key: string): V1Secret {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  return {
    metadata: { namespace: 'shop', name: 'cert' },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': base64(certificate), 'tls.key': base64(key) },
  }
}

t.test('certificates of Secrets', async (t) => {
  const authority = await openAuthority(t.testdir(), 'ca', 'test')
  const one = await authority.issue({ commonName: 'a.test', dnsNames: ['a.test'] })
  const other = await authority.issue({ commonName: 'a.test', dnsNames: ['a.test'] })

  t.test('a pair becomes a file with chain and key, listed with its hosts', async (t) => {
    const { files, list, problems } = certificateFiles(
      [request],
      [secret(one.certPem + authority.certPem, one.keyPem)],
      '/tls',
    )

    t.same(problems, [])
    t.match(files.get(list ?? ''), /^\/tls\/[0-9a-f]{16}\.pem a\.test b\.test\n$/)
    const [pem] = [...files].filter(([path]) => path.endsWith('.pem')).map(([, content]) => content)
    t.equal(new X509Certificate(pem ?? '').subject, 'CN=a.test')
    t.equal(pem?.match(/BEGIN CERTIFICATE/g)?.length, 2)
    t.match(pem, /BEGIN PRIVATE KEY/)
  })

  t.test('another certificate has other file names, so that the configuration changes with it', async (t) => {
    const first = certificateFiles([request], [secret(one.certPem, one.keyPem)], '/tls')
    const renewed = certificateFiles([request], [secret(other.certPem, other.keyPem)], '/tls')

    t.not(first.list, renewed.list)
  })

  t.test('what stands around the blocks of a certificate does not get into the file', async (t) => {
    const { files } = certificateFiles([request], [secret(`hello\n${one.certPem}\nworld`, one.keyPem)], '/tls')

    t.notMatch([...files.values()].join(''), /hello|world/)
  })

  const broken: Record<string, [secrets: readonly V1Secret[], problem: RegExp]> = {
    'a Secret that does not exist': [[], /does not exist or is not of type kubernetes.io\/tls/],
    'a key of another certificate': [[secret(one.certPem, other.keyPem)], /is not the key of the certificate/],
    'a Secret without a certificate': [[secret('', one.keyPem)], /holds no certificate/],
    'a certificate that can not be read': [
      [secret('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', one.keyPem)],
      /Secret shop\/cert is left out/,
    ],
    'a key that can not be read': [[secret(one.certPem, 'nonsense')], /Secret shop\/cert is left out/],
  }
  for (const [name, [secrets, problem]] of Object.entries(broken)) {
    t.test(`${name} is reported and left out`, async (t) => {
      const { files, list, problems } = certificateFiles([request], secrets, '/tls')

      t.equal(files.size, 0)
      t.equal(list, undefined)
      t.equal(problems.length, 1)
      t.match(problems[0], problem)
    })
  }
})
