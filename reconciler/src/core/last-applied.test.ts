import t from 'tap'
import type { KubeObject } from '../api/object.ts'
import { fieldsIn, lastApplied, lastAppliedAnnotation } from './last-applied.ts'

const leaf = {}

t.test('of a set that is left which a value holds', (t) => {
  const set = {
    'f:data': { '.': leaf, 'f:a': leaf, 'f:default': leaf },
    'f:spec': {
      'f:containers': {
        'k:{"name":"web"}': {
          '.': leaf,
          'f:image': leaf,
          'f:imagePullPolicy': leaf,
          'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': leaf, 'f:protocol': leaf } },
        },
        'k:{"name":"injected"}': { '.': leaf },
      },
      'f:finalizers': { 'v:"a/b"': leaf, 'v:"c/d"': leaf },
      'f:args': { 'i:0': leaf, 'i:1': leaf },
    },
    'f:defaulted': { 'f:x': leaf },
  }
  const value = {
    data: { a: '1' },
    spec: {
      containers: [{ name: 'web', image: 'a', ports: [{ containerPort: 80 }] }],
      finalizers: ['a/b'],
      args: ['x'],
    },
    defaulted: {},
  }
  t.same(fieldsIn(set, value), {
    'f:data': { '.': leaf, 'f:a': leaf },
    'f:spec': {
      'f:containers': {
        'k:{"name":"web"}': {
          '.': leaf,
          'f:image': leaf,
          'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': leaf } },
        },
      },
      'f:finalizers': { 'v:"a/b"': leaf },
      'f:args': { 'i:0': leaf },
    },
  })
  t.same(fieldsIn(set, undefined), {})
  t.end()
})

t.test('what kubectl left is read, and what is no JSON is none', (t) => {
  const withText = (text?: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'x', annotations: text === undefined ? {} : { [lastAppliedAnnotation]: text } },
  })
  t.same(lastApplied(withText('{"data":{"a":"1"}}')), { data: { a: '1' } })
  t.equal(lastApplied(withText()), undefined)
  t.equal(lastApplied(withText('{')), undefined)
  t.end()
})
