import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { checkout } from '../local/checkout.ts'
import { byPlatform, chooseTests, findTests } from './test-files.ts'

const root = t.testdir()
for (const file of ['a.test.ts', 'a.api.ts', 'a.ts', 'b/c.test.ts', 'b/node_modules/d.test.ts']) {
  await mkdir(join(root, file, '..'), { recursive: true })
  await writeFile(join(root, file), '')
}

t.test("a tier's tests are found by the ends of their names, and none among installed packages", async (t) => {
  t.same(await findTests(root, 'unit'), ['a.test.ts', 'b/c.test.ts'])
  t.same(await findTests(root, 'api'), ['a.api.ts'])
  t.same(await findTests(root, 'e2e'), [])
})

t.test('what is named is chosen: files as they are, folders by what of the tier is in them', async (t) => {
  t.same(await chooseTests(root, 'unit', ['b', './a.test.ts']), { kind: 'chosen', files: ['b/c.test.ts', 'a.test.ts'] })
  t.same(await chooseTests(root, 'unit', [join(root, 'a.test.ts')]), { kind: 'chosen', files: ['a.test.ts'] })
})

t.test('what this tier can not run is refused, all of it at once', async (t) => {
  t.same(await chooseTests(root, 'unit', ['a.api.ts', 'a.ts', 'gone.test.ts', 'a.test.ts']), {
    kind: 'refused',
    problems: [
      'a.api.ts is of another tier: npm run test:api -- a.api.ts',
      'a.ts is no test: a test of this tier ends in .test.ts.',
      'There is no file gone.test.ts.',
    ],
  })
  t.same(await chooseTests(root, 'e2e', ['b']), { kind: 'refused', problems: ['There is no *.e2e.ts in b.'] })
})

t.test(
  'the file that judges what the whole end-to-end run opened is its last, in the order that tap makes',
  async (t) => {
    const files = await findTests(checkout, 'e2e')
    const [last] = files.toSorted((one, other) => other.localeCompare(one, 'en'))
    t.equal(last, 'reconciler/e2e/who-may-talk-to-whom.e2e.ts')
  },
)

t.test('what shares the platform of the run is told from what brings up its own', async (t) => {
  const files = await findTests(checkout, 'e2e')
  const [shared = [], apart = []] = await byPlatform(checkout, files)
  t.same([...shared, ...apart].toSorted(), files)
  t.ok(shared.includes('reconciler/e2e/who-may-talk-to-whom.e2e.ts'))
  t.ok(apart.includes('bootstrap/local/native/lifecycle.e2e.ts'))
  t.same(await byPlatform(checkout, apart), [apart])
})
