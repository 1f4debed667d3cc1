import { readFileSync } from 'node:fs'
import type { StackName } from './stack.ts'
import { stackFile, stackNames } from './synth.ts'

/** One stack as Terraform will read it. */
export interface StackJson {
  readonly terraform: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, Readonly<Record<string, Attributes>>>>
  readonly output?: Readonly<Record<string, { readonly value: unknown }>>
}

export type Attributes = Readonly<Record<string, unknown>>

export interface Resource {
  readonly stack: StackName
  readonly type: string
  readonly name: string
  /** `stack/type.name` */
  readonly address: string
  readonly attributes: Attributes
}

/** All stacks of an environment, read back from what was written. */
export class Synthesized {
  readonly stacks: Readonly<Record<StackName, StackJson>>
  readonly resources: readonly Resource[]
  readonly #byAddress: ReadonlyMap<string, Resource>

  constructor(stacks: Readonly<Record<StackName, StackJson>>) {
    this.stacks = stacks
    this.resources = stackNames.flatMap((stack) =>
      Object.entries(stacks[stack].resource).flatMap(([type, named]) =>
        Object.entries(named).map(([name, attributes]) => ({
          stack,
          type,
          name,
          address: `${stack}/${type}.${name}`,
          attributes,
        })),
      ),
    )
    this.#byAddress = new Map(this.resources.map((resource) => [resource.address, resource]))
  }

  ofType(type: string): readonly Resource[] {
    return this.resources.filter((resource) => resource.type === type)
  }

  /** Every resource that a value refers to, directly or through the state of another stack. */
  referredBy(stack: StackName, value: unknown): readonly Resource[] {
    if (typeof value === 'string') return this.#referredByText(stack, value)
    if (typeof value !== 'object' || value === null) return []
    return Object.entries(value).flatMap(([key, part]) => (key === '//' ? [] : this.referredBy(stack, part)))
  }

  #referredByText(stack: StackName, text: string): readonly Resource[] {
    const found: Resource[] = []
    for (const { groups } of text.matchAll(crossStackReference)) {
      const from = groups?.['stack'] as StackName
      const output = this.stacks[from].output?.[groups?.['output'] ?? '']
      found.push(...this.referredBy(from, output?.value))
    }
    for (const { groups } of text.matchAll(reference)) {
      const resource = this.#byAddress.get(`${stack}/${groups?.['type']}.${groups?.['name']}`)
      if (resource) found.push(resource)
    }
    return found
  }
}

const reference = /\$\{(?<type>azurerm_\w+)\.(?<name>[\w-]+)/g
const crossStackReference =
  /\$\{data\.terraform_remote_state\.cross-stack-reference-input-(?<stack>\w+)\.outputs\.(?<output>[\w-]+)\}/g

/** Reads what {@link synthesize} wrote into a folder. */
export function readSynthesized(folder: string): Synthesized {
  const read = (name: StackName): StackJson => JSON.parse(readFileSync(stackFile(folder, name), 'utf8')) as StackJson
  return new Synthesized({ base: read('base'), platform: read('platform'), cluster: read('cluster') })
}
