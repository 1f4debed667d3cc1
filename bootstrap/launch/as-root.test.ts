import t from 'tap'
import { asRoot, commandTyped } from './as-root.mjs'

const typed: Readonly<Record<string, [script: string | undefined, task: string, args: readonly string[]]>> = {
  'npm run demo': ['demo', 'demo', []],
  'npm run cluster -- up --name other': ['cluster', 'cluster', ['up', '--name', 'other']],
  'npm run test:e2e -- a.e2e.ts': ['test:e2e', 'test', ['e2e', 'a.e2e.ts']],
  'npm run test': ['test', 'test', []],
  'node bootstrap/launch.mjs bench idle --json': [undefined, 'bench', ['idle', '--json']],
  [`npm run demo -- --report 'a b'`]: ['demo', 'demo', ['--report', 'a b']],
  [`npm run demo -- --report 'it'\\''s'`]: ['demo', 'demo', ['--report', "it's"]],
}

for (const [command, [script, task, args]] of Object.entries(typed)) {
  t.test(`what is typed again is ${command}`, async (t) => {
    t.equal(commandTyped(script, task, args), command)
    t.equal(asRoot(command), `sudo env "PATH=$PATH" ${command}`)
  })
}
