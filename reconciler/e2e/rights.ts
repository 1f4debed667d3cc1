/** Rights as rules give them, and as the audit log shows them used, in the same words. */
import type { AuditEvent } from '../../bootstrap/local/audit-log.ts'
import type { Rule } from '../src/kube/test-cluster.ts'

/**
 * For want of a right; an admission's word on the object is a 403, too. To act as somebody is looked at before the
 * authorizer is asked, so that there is no word of it then.
 * https://kubernetes.io/docs/reference/labels-annotations-taints/audit-annotations/#authorization-k8s-io-decision
 */
export function isRefused({ annotations, responseStatus }: AuditEvent): boolean {
  const decision = annotations?.['authorization.k8s.io/decision']
  const code = responseStatus?.code
  return decision === 'forbid' || (decision === undefined && (code === 401 || code === 403))
}

export interface Right {
  readonly group: string
  /** With its subresource, as it stands in rules. */
  readonly resource: string
  readonly verb: string
  /** The one object that it is bound to, where there is one. */
  readonly name?: string
}

export interface Use extends Right {
  /** Absent where the request was for the whole cluster. */
  readonly namespace?: string
}

export function rightsOf(rules: readonly Rule[]): readonly Right[] {
  return rules.flatMap(({ apiGroups, resources, verbs, resourceNames = [undefined] }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) =>
          resourceNames.map((name) => ({ group, resource, verb, ...(name !== undefined && { name }) })),
        ),
      ),
    ),
  )
}

/**
 * What a request that the server let through took of the rights of who asked: the reconciler itself, or the account as
 * which it asked. None where it is not about a resource.
 */
export function usesOf(
  { verb, objectRef, impersonatedUser, responseStatus }: AuditEvent,
  of: 'asker' | 'tenant',
): readonly Use[] {
  if (of === 'asker' && impersonatedUser !== undefined) return impersonation(impersonatedUser.username)
  const { apiGroup: group = '', resource: plural, subresource, name, namespace } = objectRef ?? {}
  if (plural === undefined) return []
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`
  const use = { group, resource, ...(name !== undefined && { name }), ...(namespace !== undefined && { namespace }) }
  // What is applied and was not there is created, which is another right than to change it.
  const isCreated = verb === 'patch' && responseStatus?.code === 201
  return [{ ...use, verb }, ...(isCreated ? [{ ...use, verb: 'create' }] : [])]
}

/** https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources */
export function isOf(use: Use, right: Right): boolean {
  const isSame = use.group === right.group && use.resource === right.resource && use.verb === right.verb
  return isSame && (right.name === undefined || right.name === use.name)
}

export function describeRight({ group, resource, verb, name }: Right): string {
  return `${verb} ${group === '' ? resource : `${group}/${resource}`}${name === undefined ? '' : ` ${name}`}`
}

/** Each once, in order. */
export function describeAll(rights: readonly Right[]): readonly string[] {
  return [...new Set(rights.map(describeRight))].sort()
}

/** `system:serviceaccount:NAMESPACE:NAME`; the right is asked for in that account's namespace. */
function impersonation(username: string): readonly Use[] {
  const [, kind, namespace, name] = username.split(':')
  if (kind !== 'serviceaccount' || namespace === undefined || name === undefined) {
    return [{ group: '', resource: 'users', verb: 'impersonate', name: username }]
  }
  return [{ group: '', resource: 'serviceaccounts', verb: 'impersonate', name, namespace }]
}
