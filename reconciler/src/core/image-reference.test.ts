import * as fc from 'fast-check'
import t from 'tap'
import {
  isSameRepositoryPath,
  parseImageReference,
  parseRepository,
  printImageReference,
  type ImageReference,
} from './image-reference.ts'

const sha256 = `sha256:${'a'.repeat(64)}`

const wellFormed: Record<string, [text: string, reference: ImageReference]> = {
  'a bare name has no host': ['predictor', { repository: 'predictor' }],
  'a path without a dot is no host': ['contoso/predictor', { repository: 'contoso/predictor' }],
  'a dot makes the first component a host': [
    'contoso.azurecr.io/team/predictor:v1',
    { registry: 'contoso.azurecr.io', repository: 'team/predictor', tag: 'v1' },
  ],
  'a port makes it one, and is not taken for a tag': [
    'registry:5000/predictor',
    { registry: 'registry:5000', repository: 'predictor' },
  ],
  'localhost is one': ['localhost/predictor:a', { registry: 'localhost', repository: 'predictor', tag: 'a' }],
  'a bare name may have a tag': ['predictor:1.2', { repository: 'predictor', tag: '1.2' }],
  'tag and digest may stand together': [
    `contoso.azurecr.io/predictor:v1@${sha256}`,
    { registry: 'contoso.azurecr.io', repository: 'predictor', tag: 'v1', digest: sha256 },
  ],
}

for (const [name, [text, reference]] of Object.entries(wellFormed)) {
  t.test(name, (t) => {
    t.strictSame(parseImageReference(text), { kind: 'parsed', value: reference })
    t.end()
  })
}

const malformed: Record<string, [text: string, problem: RegExp]> = {
  'an empty text': ['', /not a repository/],
  'upper case in the path': ['contoso.azurecr.io/Predictor', /"Predictor" may not stand in one/],
  'an empty component': ['contoso.azurecr.io//predictor', /"" may not stand in one/],
  'a path that climbs': ['contoso.azurecr.io/../predictor', /"\.\." may not stand in one/],
  'a short digest': ['predictor@sha256:abc', /"sha256:abc" is not a digest/],
  'a second at-sign': [`predictor@${sha256}@${sha256}`, /is not a digest/],
  'a tag that starts with a dot': ['predictor:.a', /"\.a" is not a tag/],
  'a tag of 129 characters': [`predictor:${'a'.repeat(129)}`, /is not a tag/],
  'a scheme': ['https://contoso.azurecr.io/predictor', /"https:" is not a registry host/],
  'user information in the host': ['user.x@contoso.azurecr.io/predictor', /is not a digest/],
  'white space': ['contoso.azurecr.io/predictor ', /may not stand in one/],
  'a text without end': ['a'.repeat(10_000), /at most/],
}

for (const [name, [text, problem]] of Object.entries(malformed)) {
  t.test(`${name} is refused`, (t) => {
    t.match(parseImageReference(text), { kind: 'invalid', problem })
    t.end()
  })
}

t.test('a Delivery names a repository with its host and nothing more', (t) => {
  t.strictSame(parseRepository('contoso.azurecr.io/predictor'), {
    kind: 'parsed',
    value: { registry: 'contoso.azurecr.io', repository: 'predictor' },
  })
  t.match(parseRepository('contoso/predictor'), { kind: 'invalid', problem: /names no registry/ })
  t.match(parseRepository('contoso.azurecr.io/predictor:v1'), { kind: 'invalid', problem: /names a tag or digest/ })
  t.match(parseRepository(`contoso.azurecr.io/predictor@${sha256}`), { kind: 'invalid', problem: /tag or digest/ })
  t.end()
})

const hosts = fc.oneof(
  fc.constant('localhost'),
  fc.domain(),
  fc.tuple(fc.domain(), fc.integer({ min: 1, max: 65_535 })).map(([name, port]) => `${name}:${port}`),
)
const components = fc.stringMatching(/^[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}$/)
const repositories = fc.array(components, { minLength: 1, maxLength: 4 }).map((list) => list.join('/'))
const references = fc
  .record(
    {
      registry: hosts,
      repository: repositories,
      tag: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,40}$/),
      digest: fc.stringMatching(/^sha256:[0-9a-f]{64}$/),
    },
    { requiredKeys: ['repository'] },
  )
  .filter(({ registry, repository }) => (registry?.length ?? 0) + 1 + repository.length <= 255)

t.test('what is printed is parsed back to the same', (t) => {
  fc.assert(
    fc.property(references, (reference) => {
      // Without a host, a first component with a dot would be read as one: the grammar is ambiguous there.
      fc.pre(reference.registry !== undefined || !/^[^/]*[.][^/]*\//.test(reference.repository))
      fc.pre(reference.registry !== undefined || !reference.repository.startsWith('localhost/'))
      const again = parseImageReference(printImageReference(reference))
      return again.kind === 'parsed' && printImageReference(again.value) === printImageReference(reference)
    }),
  )
  t.pass('held for every generated reference')
  t.end()
})

t.test('whatever is parsed prints to the text that it came from', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 300 }), references.map(printImageReference)), (text) => {
      const reference = parseImageReference(text)
      return reference.kind === 'invalid' || printImageReference(reference.value) === text
    }),
  )
  t.pass('held for every generated text')
  t.end()
})

t.test('host, tag and digest do not count when repositories are compared', (t) => {
  fc.assert(
    fc.property(references, references, (a, b) => {
      const { repository } = a
      return (
        isSameRepositoryPath(a, { ...b, repository }) && (a.repository === b.repository) === isSameRepositoryPath(a, b)
      )
    }),
  )
  t.notOk(isSameRepositoryPath({ repository: 'predictor' }, { repository: 'team/predictor' }))
  t.end()
})
