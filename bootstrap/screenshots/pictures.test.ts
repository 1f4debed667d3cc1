import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { checkout } from '../local/checkout.ts'
import { pictures, toldBy } from './pictures.ts'

const folder = join(checkout, 'docs', 'screenshots')

t.test(
  'docs/screenshots holds the pictures that are taken, less than 1 MiB in all, and its page shows each',
  async (t) => {
    const names = pictures.map(({ file }) => file)
    t.same((await readdir(folder)).toSorted(), ['README.md', ...names].toSorted())

    const bytes = await Promise.all(names.map((name) => readFile(join(folder, name))))
    for (const [index, png] of bytes.entries()) {
      t.equal(png.subarray(1, 4).toString(), 'PNG', names[index] ?? '')
    }
    const total = bytes.reduce((sum, png) => sum + png.length, 0)
    t.ok(total < 1024 * 1024, `${total} bytes in all`)

    const page = await readFile(join(folder, 'README.md'), 'utf8')
    const shown = [...page.matchAll(/^!\[(?<shows>.+)\]\((?<file>.+)\)$/gm)].map(({ groups }) => ({ ...groups }))
    t.same(
      shown,
      pictures.map(({ file, shows }) => ({ shows, file })),
    )
  },
)

t.test('of the demo’s output the story is shown, behind what was typed', async (t) => {
  const printed = '\u001B[32m✔\u001B[39m one\r\n\r\n\u001B[1mThe cluster stays up\u001B[22m\r\nexport PATH\r\n'
  t.equal(toldBy('npm run demo', printed, /The cluster stays up/), '$ npm run demo\n\u001B[32m✔\u001B[39m one')
  t.equal(
    toldBy('npm run demo', 'one\r\ntwo\r\n', /never/),
    '$ npm run demo\none\r\ntwo',
    'all of it where it has no end',
  )
})
