// `npm run synth -- --profile dev|prod`: writes what Terraform or OpenTofu applies.
import { runSynth } from './cli.ts'

process.exitCode = await runSynth(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
})
