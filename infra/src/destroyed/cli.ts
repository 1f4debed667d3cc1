import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Type } from 'typebox'
import { Check } from 'typebox/value'
import type { Terminal } from '../cli.ts'
import { destroyedBy, NoPlanError, unapproved } from './destroyed.ts'

const usage = `Usage: npm run infra:destroyed -- PLAN.json [--approved FILE]
  PLAN.json   what \`terraform show -json PLAN\` prints
  --approved  what this printed of the plan that was approved: whatever is destroyed beyond it ends with 1`

class UsageError extends Error {}

class InputError extends Error {}

/** Prints the addresses that a plan destroys, as JSON, and answers the exit code. */
export async function runDestroyed(args: readonly string[], { out, err }: Terminal): Promise<number> {
  try {
    const { plan, approved } = parse([...args])
    const destroyed = destroyedBy(await readJson(plan), plan)
    const more = approved === undefined ? [] : unapproved(destroyed, await readList(approved))
    if (more.length > 0) {
      err(`beyond what was approved this plan destroys ${more.join(', ')}`)
      err('Plan anew, have that approved, or keep what would be destroyed.')
      return 1
    }
    err(`this plan destroys ${destroyed.join(', ') || 'nothing'}`)
    out(JSON.stringify(destroyed))
    return 0
  } catch (error) {
    if (error instanceof UsageError) err(`${error.message}\n\n${usage}`)
    else if (error instanceof InputError || error instanceof NoPlanError) err(error.message)
    else throw error
    return error instanceof UsageError ? 2 : 1
  }
}

function parse(args: string[]): { readonly plan: string; readonly approved: string | undefined } {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { approved: { type: 'string' } },
      allowPositionals: true,
    })
    const [plan, ...others] = positionals
    if (plan === undefined || others.length > 0) throw new UsageError('Name one plan.')
    return { plan, approved: values.approved }
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof Error)) throw error
    throw new UsageError(error.message)
  }
}

async function readList(file: string): Promise<readonly string[]> {
  const list = await readJson(file)
  if (!Check(Type.Array(Type.String()), list)) throw new InputError(`${file} is not a list of addresses`)
  return list
}

async function readJson(file: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new InputError(`${file} can not be read: ${(error as Error).message}`)
  }
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new InputError(`${file} is not JSON; \`terraform show -json PLAN\` prints a plan as JSON`)
  }
}
