import { basename, join } from 'node:path'
import { profiles } from './profiles.ts'
import type { Profile } from './settings.ts'

/**
 * An example's file. Tests, the graph and the checks look at these alone, so that what is changed in
 * `infra/environments`, where the real ones are, changes nothing of what they say.
 */
export function exampleFile(profile: Profile): string {
  return join(import.meta.dirname, '../examples', `${profile}.json`)
}

/** What to do where an environment has no file yet, in words for a person. */
export function howToBegin(file: string): string {
  const name = basename(file, '.json')
  const example = isProfile(name) ? `${name}.json` : `${Object.keys(profiles).join('.json or ')}.json`
  return `copy infra/examples/${example} to ${file} and change it; infra/README.md explains each key`
}

export function isProfile(text: string): text is Profile {
  return Object.hasOwn(profiles, text)
}
