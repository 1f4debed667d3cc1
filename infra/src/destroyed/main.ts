// `npm run infra:destroyed -- PLAN.json`: what a plan of Terraform or OpenTofu would destroy.
import { runDestroyed } from './cli.ts'

process.exitCode = await runDestroyed(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
})
