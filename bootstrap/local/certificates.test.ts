import { X509Certificate, createPrivateKey } from 'node:crypto'
import { chmod, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openAuthority, writeCertificate, writeKeyPair } from './certificates.ts'

t.test(
  'an issued certificate is the authority’s, for the names and addresses asked for, and fits its key',
  async (t) => {
    const authority = await openAuthority(t.testdir(), 'ca', 'test CA')
    const issued = await authority.issue({
      commonName: 'jane',
      organization: 'testers',
      dnsNames: ['registry.test'],
      ipAddresses: ['10.77.0.2'],
    })
    const ca = new X509Certificate(authority.certPem)
    const certificate = new X509Certificate(issued.certPem)
    t.ok(certificate.verify(ca.publicKey))
    t.ok(certificate.checkIssued(ca))
    t.ok(ca.ca)
    t.notOk(certificate.ca)
    t.equal(certificate.subject, 'O=testers\nCN=jane')
    t.equal(certificate.checkHost('registry.test'), 'registry.test')
    t.equal(certificate.checkHost('other.test'), undefined)
    t.equal(certificate.checkIP('10.77.0.2'), '10.77.0.2')
    t.ok(certificate.checkPrivateKey(createPrivateKey(issued.keyPem)))
    t.ok(new Date(certificate.validFrom) < new Date(), 'valid already on a clock that is a little behind')
  },
)

t.test('an authority is kept: what it issued before is still trusted', async (t) => {
  const dir = t.testdir()
  const first = await openAuthority(dir, 'ca', 'test CA')
  const issued = await first.issue({ commonName: 'x' })
  const second = await openAuthority(dir, 'ca', 'test CA')
  t.equal(second.certPem, first.certPem)
  const later = await second.issue({ commonName: 'y' })
  const ca = new X509Certificate(second.certPem)
  for (const { certPem } of [issued, later]) t.ok(new X509Certificate(certPem).verify(ca.publicKey))
})

t.test('an authority whose making was cut short is made anew', async (t) => {
  const dir = t.testdir()
  const first = await openAuthority(dir, 'ca', 'test CA')
  await rm(join(dir, 'ca.crt'))
  const second = await openAuthority(dir, 'ca', 'test CA')
  t.not(second.certPem, first.certPem)
  const issued = await second.issue({ commonName: 'x' })
  t.ok(new X509Certificate(issued.certPem).verify(new X509Certificate(second.certPem).publicKey))
})

t.test('keys are readable by their owner only', async (t) => {
  const dir = t.testdir()
  await chmod(dir, 0o755)
  const authority = await openAuthority(dir, 'ca', 'test CA')
  const { certFile, keyFile } = await writeCertificate(dir, 'server', await authority.issue({ commonName: 'x' }))
  const pair = await writeKeyPair(dir, 'tokens')
  for (const file of [join(dir, 'ca.key'), keyFile, pair.keyFile]) {
    t.equal((await stat(file)).mode & 0o777, 0o600, file)
  }
  t.match(await readFile(certFile, 'utf8'), /^-----BEGIN CERTIFICATE-----/)
  const publicKey = await readFile(pair.publicFile, 'utf8')
  t.match(publicKey, /^-----BEGIN PUBLIC KEY-----/)
  t.same(await writeKeyPair(dir, 'tokens'), pair)
  t.equal(await readFile(pair.publicFile, 'utf8'), publicKey, 'the pair is kept')
})
