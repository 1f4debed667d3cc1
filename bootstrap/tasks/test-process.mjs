// Loaded before each test file: types are stripped in place, so that lines are true without source maps, and to read those
// of packages takes seconds a file. tap drops what a file says on its error output; what ends it goes to tap as comments.
import { inspect } from 'node:util'

process.setSourceMapsEnabled(false)
process.on('uncaughtExceptionMonitor', (error) => {
  process.stdout.write(inspect(error).replaceAll(/^/gm, '# uncaught: ') + '\n')
})
