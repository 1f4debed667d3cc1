import { InvalidArgumentError } from 'commander'

/**
 * A regular expression that a person wrote, of whole tags alone: what it matches may be deleted, and `[0-9a-f]{40}` is
 * not to take `pr-…` along. Throws commander's error where it is none.
 */
export function tagPattern(value: string): RegExp {
  try {
    return new RegExp(`^(?:${new RegExp(value).source})$`)
  } catch {
    throw new InvalidArgumentError('It is not a regular expression.')
  }
}
