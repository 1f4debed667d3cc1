// `npm run format`: writes every file the way `npm run check` wants it.
import { runAttached } from './attached.ts'

process.exitCode = await runAttached('prettier', ['--write', '--log-level=warn', '.'])
