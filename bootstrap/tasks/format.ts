// `npm run format`: writes every file the way `npm run check` wants it.
import { run } from './process.ts'

process.exitCode = await run('prettier', ['--write', '--log-level=warn', '.'])
