import t from 'tap'
import { debianPackages, notInstalled } from './debian.ts'

const query = [
  'containerd.io|installed|containerd, runc (= 1.1.5)',
  'nftables|installed|',
  'haproxy|config-files|',
  'buildah|not-installed|',
  '',
].join('\n')

t.test('a package is there by its name or by what another provides, and not by its left-over settings', (t) => {
  const cases: readonly [string, readonly string[]][] = [
    ['nftables', []],
    ['containerd', []],
    ['runc', []],
    ['haproxy', ['haproxy']],
    ['buildah', ['buildah']],
    ['nft', ['nft']],
  ]
  for (const [name, missing] of cases) t.same(notInstalled([name], query), missing, name)
  t.end()
})

t.test('what is missing keeps the order in which it was asked for', (t) => {
  t.same(notInstalled(['iptables', 'nftables', 'conntrack'], query), ['iptables', 'conntrack'])
  t.end()
})

t.test('no package is listed for two purposes', (t) => {
  const all = Object.values(debianPackages).flat()
  t.equal(new Set(all).size, all.length)
  t.end()
})
