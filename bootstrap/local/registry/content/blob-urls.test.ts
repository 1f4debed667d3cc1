import t from 'tap'
import { blobUrls } from './blob-urls.ts'

const digest = `sha256:${'ab'.repeat(32)}`
const blob = { repository: 'team/app', digest }

t.test('a URL of a blob', async (t) => {
  let nowMs = Date.UTC(2026, 10, 23)
  const options = { secret: Buffer.alloc(32, 1), registry: 'r.test', lifetimeSeconds: 60, nowMs: () => nowMs }
  const urls = blobUrls(options)
  const signed = new URL(urls.sign('https://blobs.test', blob))
  const check = (url: URL, by = urls) => by.check(decodeURIComponent(url.pathname), url.searchParams)

  t.test('names the blob and when it expires', async (t) => {
    t.equal(signed.origin, 'https://blobs.test')
    t.equal(signed.searchParams.get('se'), '2026-11-23T00:01:00Z')
    t.same(check(signed), { kind: 'valid', blob })
  })

  const changes: Readonly<Record<string, (url: URL) => void>> = {
    'another blob': (url) => (url.pathname = url.pathname.replace('abab', 'baba')),
    'another repository': (url) => (url.pathname = url.pathname.replace('team', 'meat')),
    'a later expiry': (url) => url.searchParams.set('se', '2030-01-01T00:00:00Z'),
    'no signature': (url) => url.searchParams.delete('sig'),
  }
  for (const [name, change] of Object.entries(changes)) {
    t.test(`is forged with ${name}`, async (t) => {
      const changed = new URL(signed)
      change(changed)
      t.same(check(changed), { kind: 'forged' })
    })
  }

  t.test('is forged with the secret of another', async (t) => {
    t.same(check(signed, blobUrls({ ...options, secret: Buffer.alloc(32, 2) })), { kind: 'forged' })
  })

  t.test('is unknown outside of the container', async (t) => {
    t.same(check(new URL('https://blobs.test/other')), { kind: 'unknown' })
  })

  t.test('expires', async (t) => {
    nowMs += 60_000
    t.same(check(signed).kind, 'valid')
    nowMs += 1
    t.same(check(signed), { kind: 'expired' })
  })
})
