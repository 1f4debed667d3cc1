import t from 'tap'
import { ctrlC, startOnTerminal } from './terminal.ts'

const size = { columns: 91, rows: 37 } as const

t.test('a program finds a terminal of the size that was asked for, and colours are wanted', async (t) => {
  const terminal = startOnTerminal('test -t 1 && stty size && echo "$TERM ${NO_COLOR-none}"', size)
  t.equal(await terminal.ended, 0)
  t.equal(terminal.printed(), '37 91\r\nxterm-256color none\r\n')
})

t.test('Ctrl-C is heard by the program, which ends as it sees fit', async (t) => {
  const terminal = startOnTerminal(`trap 'echo taken down; exit 3' INT; echo up; while :; do sleep 0.05; done`, size)
  await terminal.until(/^up/m)
  terminal.type(ctrlC)
  t.equal(await terminal.ended, 3)
  t.match(terminal.printed(), /taken down/)
})

t.test('what is waited for in vain ends with the program, and with what that said last', async (t) => {
  const terminal = startOnTerminal('echo no luck; exit 4', size)
  await t.rejects(terminal.until(/never/), { message: /ended with 4 before \/never\/ was printed:\nno luck/ })
})
