import { Type, type Static } from 'typebox'
import { Errors } from 'typebox/value'

/** As much as is read of what `terraform show -json PLAN` prints: https://developer.hashicorp.com/terraform/internals/json-format */
const planSchema = Type.Object({
  format_version: Type.String({ pattern: '^1\\.' }),
  errored: Type.Optional(Type.Boolean()),
  resource_changes: Type.Optional(
    Type.Array(
      Type.Object({
        address: Type.String(),
        deposed: Type.Optional(Type.String()),
        change: Type.Object({ actions: Type.Array(Type.String()) }),
      }),
    ),
  ),
})

export class NoPlanError extends Error {
  constructor(what: string, why: string) {
    super(`${what} is not what \`terraform show -json\` prints of a plan: ${why}`)
    this.name = 'NoPlanError'
  }
}

/**
 * Addresses of the resources that a plan deletes, or replaces, which deletes them too; sorted. What another one that is
 * still to be deleted stands beside has ` (deposed)` behind its address.
 * @throws {NoPlanError}
 */
export function destroyedBy(plan: unknown, what: string): readonly string[] {
  const [error] = Errors(planSchema, plan)
  if (error !== undefined) throw new NoPlanError(what, `${error.instancePath || 'it'} ${error.message}`)
  const { errored, resource_changes: changes = [] } = plan as Static<typeof planSchema>
  if (errored === true) throw new NoPlanError(what, 'it ended with an error, and is not whole')
  return changes
    .filter(({ change }) => change.actions.includes('delete'))
    .map(({ address, deposed }) => (deposed === undefined ? address : `${address} (deposed)`))
    .toSorted()
}

/** What would be destroyed that was not in the plan which somebody let go on. */
export function unapproved(destroyed: readonly string[], approved: readonly string[]): readonly string[] {
  const known = new Set(approved)
  return destroyed.filter((address) => !known.has(address))
}
