import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ending, story } from '../demo/story.ts'
import { firstCells, sectionOf } from './markdown.ts'

const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8')

t.test('README.md tells every step of the story, in its order', async (t) => {
  const steps = [...story, ending].map(({ name }) => name)
  t.same(firstCells(sectionOf(readme, 'What you will see') ?? ''), steps)
})
