import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from './config.ts'
import { exampleFile } from './examples.ts'
import type { Profile } from './settings.ts'
import { synthesize } from './synth.ts'
import { readSynthesized, type Attributes, type Synthesized } from './synthesized.ts'

type Group = Readonly<Record<string, unknown>>
export type Override = Readonly<Record<string, Group>>

/** An environment of infra/examples, as it is in its file, with some more of its settings overridden. */
export function exampleEnvironment(profile: Profile, override: Override = {}): Record<string, unknown> {
  const environment = JSON.parse(readFileSync(exampleFile(profile), 'utf8')) as { override: Record<string, Group> }
  for (const [group, settings] of Object.entries(override)) {
    environment.override[group] = { ...environment.override[group], ...settings }
  }
  return { ...environment }
}

export function synthesizeExample(profile: Profile, override?: Override): Synthesized {
  const folder = mkdtempSync(join(tmpdir(), 'windlass-infra-'))
  try {
    synthesize(parseConfig(exampleEnvironment(profile, override)), folder)
    return readSynthesized(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The attributes of the one resource of a type. */
export function only(synthesized: Synthesized, type: string): Attributes {
  const [resource, another] = synthesized.ofType(type)
  if (!resource || another) throw new Error(`there is not one ${type} but ${synthesized.ofType(type).length}`)
  return resource.attributes
}

/** The attributes of the resource with that path of constructs. */
export function named(synthesized: Synthesized, type: string, name: string): Attributes {
  const resource = synthesized.ofType(type).find((it) => it.name === name)
  if (!resource) throw new Error(`there is no ${type}.${name}`)
  return resource.attributes
}
