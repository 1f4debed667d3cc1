import t from 'tap'
import type { KubeObject } from '../api/object.ts'
import { spec } from '../core/test-builders.ts'
import { findManifests } from './manifest-source.ts'
import { TestRegistry } from './test-registry.ts'

const image = { tag: 'r1', digest: 'sha256:0' }

async function find(data: Readonly<Record<string, string>>) {
  const configMap: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web' }, data }
  return findManifests(
    {
      tags: new TestRegistry(),
      objects: { get: async () => configMap },
      spec: spec({ manifests: { configMap: { name: 'web' } } }),
      tenant: { namespace: 'team', serviceAccountName: 'deployer' },
      signal: new AbortController().signal,
    },
    image,
  )
}

t.test('the values of a ConfigMap are read in the order of their names, which alone makes the digest', async (t) => {
  const found = await find({ b: 'b: 1', a: 'a: 1\n---\na: 2' })
  t.same(found?.documents, [{ a: 1 }, { a: 2 }, { b: 1 }])
  t.equal((await find({ a: 'a: 1\n---\na: 2', b: 'b: 1' }))?.digest, found?.digest)
  t.not((await find({ a: 'a: 1', b: 'b: 1' }))?.digest, found?.digest)
})

t.test('a value that is no YAML is named', async (t) => {
  await t.rejects(find({ a: 'a: 1', b: 'b: on' }), {
    kind: 'terminal',
    reason: 'BundleInvalid',
    message: /^ConfigMap web, b: line 1: plain "on"/,
  })
})

t.test('values that each stand for much are refused where all together stand for too much', async (t) => {
  const value = `a: &a ${'x'.repeat(40_000)}\nb: [${'*a,'.repeat(90)}]`
  t.equal((await find({ a: value, b: value }))?.documents.length, 2)
  await t.rejects(find({ a: value, b: value, c: value, d: '(' }), {
    kind: 'terminal',
    reason: 'BundleInvalid',
    message: 'ConfigMap web has more than 8388608 bytes as JSON up to c',
  })
})
