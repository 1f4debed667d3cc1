import t from 'tap'
import { parseSubject } from './subject.ts'

t.test('a subject names a repository and an environment, with GitHub’s IDs or without', async (t) => {
  const expected = { repository: 'contoso/windlass', environment: 'prod-release' }
  t.same(parseSubject('repo:contoso/windlass:environment:prod-release'), expected)
  t.same(parseSubject('repo:contoso@4217/windlass@991:environment:prod-release'), expected)
  for (const other of ['repo:contoso/windlass:ref:refs/heads/main', 'repo:contoso:environment:x', '']) {
    t.equal(parseSubject(other), undefined, other)
  }
})
