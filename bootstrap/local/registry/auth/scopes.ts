import { repositoryActions } from '../config.ts'
import type { Identity, RepositoryAction } from '../config.ts'

/**
 * Something that a request wants to do, or that a token allows: the scope of the distribution project's token
 * authentication (https://distribution.github.io/distribution/spec/auth/scope/), with the actions that ACR adds to it.
 */
export interface Access {
  readonly type: 'repository' | 'registry'
  readonly name: string
  readonly actions: readonly string[]
}

/** The right to list the whole registry's repositories. */
export const catalogAccess: Access = { type: 'registry', name: 'catalog', actions: ['*'] }

export function repositoryAccess(name: string, ...actions: readonly RepositoryAction[]): Access {
  return { type: 'repository', name, actions }
}

/** Prints scopes as in a challenge: `repository:team/app:pull,push`, separated by spaces. */
export function printScopes(access: readonly Access[]): string {
  return access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ')
}

/**
 * Reads the scopes of a token request. Scopes of other types are left out, as the specification asks of a server that
 * does not know them: what is not in the token is not allowed.
 */
export function parseScopes(scopes: readonly string[]): readonly Access[] {
  return scopes
    .flatMap((scope) => scope.split(' '))
    .flatMap((scope) => {
      const [, type, name, actions] = /^(repository|registry)(?:\([^)]*\))?:(.+):([^:]*)$/.exec(scope) ?? []
      if ((type !== 'repository' && type !== 'registry') || name === undefined || !actions) return []
      return [{ type, name, actions: actions.split(',') }]
    })
}

/** What of the access asked for an identity gets; a part that gets nothing is left out, so that none is a valid answer. */
export function grant(identity: Identity, requested: readonly Access[]): readonly Access[] {
  return requested.flatMap((access) => {
    const actions = access.type === 'registry' ? catalogActions(identity, access) : permittedActions(identity, access)
    return actions.length > 0 ? [{ ...access, actions }] : []
  })
}

/** Whether everything that is required is in what was granted. */
export function covers(granted: readonly Access[], required: readonly Access[]): boolean {
  return required.every(({ type, name, actions }) => {
    const held = granted.filter((access) => access.type === type && access.name === name)
    return actions.every((action) => held.some((access) => access.actions.includes(action)))
  })
}

function catalogActions(identity: Identity, { name }: Access): readonly string[] {
  return identity.catalog && name === 'catalog' ? ['*'] : []
}

function permittedActions(identity: Identity, { name, actions }: Access): readonly string[] {
  const permitted = new Set<string>(
    identity.permissions.filter(({ repository }) => matches(repository, name)).flatMap(({ actions }) => actions),
  )
  const wanted = actions.includes('*') ? repositoryActions : actions
  return wanted.filter((action) => permitted.has(action))
}

function matches(pattern: string, repository: string): boolean {
  return pattern.endsWith('*') ? repository.startsWith(pattern.slice(0, -1)) : repository === pattern
}
