import { AcrError, manifestUnknown, repositoryUnknown, tagUnknown } from '../errors.ts'
import { jsonAnswer, readBody, registryHeaders } from '../http.ts'
import type { Answer, Call } from '../http.ts'
import { unlocked } from './records.ts'
import type { Attributes } from './records.ts'
import type { MetadataStore, Target } from './store.ts'
import { viewManifestInFull, viewRepository, viewTag } from './views.ts'

/** `GET` of `/acr/v1/{name}`, `…/_tags/{tag}` and `…/_manifests/{digest}`. */
export function getProperties(store: MetadataStore, registry: string, repository: string, target: Target): Answer {
  const index = store.repository(repository)
  if (target.kind === 'repository') {
    if (index === undefined) throw repositoryUnknown(repository)
    return jsonAnswer(200, viewRepository(registry, index), registryHeaders)
  }
  if (target.kind === 'tag') {
    const tag = index?.tags.get(target.name)
    if (tag === undefined) throw tagUnknown()
    return jsonAnswer(200, { registry, imageName: repository, tag: viewTag(tag) }, registryHeaders)
  }
  const manifest = index?.manifests.get(target.digest)
  if (index === undefined || manifest === undefined) throw manifestUnknown(target.digest)
  const view = viewManifestInFull(manifest, index.tagsOf(target.digest))
  return jsonAnswer(200, { registry, imageName: repository, manifest: view }, registryHeaders)
}

/**
 * `PATCH` of the same: locks and unlocks
 * (https://learn.microsoft.com/azure/container-registry/container-registry-image-lock).
 */
export async function changeProperties(
  store: MetadataStore,
  registry: string,
  call: Call,
  repository: string,
  target: Target,
): Promise<Answer> {
  const patch = parsePatch((await readBody(call.body, 16 * 1024)).toString('utf8'))
  return store.exclusively(repository, async () => {
    // What is not there is refused before it is changed.
    getProperties(store, registry, repository, target)
    await store.changeAttributes(repository, target, patch)
    return getProperties(store, registry, repository, target)
  })
}

/** Attributes that only ACR's own services use are taken and forgotten. */
function parsePatch(text: string): Partial<Attributes> {
  const value = parseObject(text)
  const known = Object.keys(unlocked).filter((name) => name in value)
  if (known.some((name) => typeof value[name] !== 'boolean')) throw invalidPatch()
  return Object.fromEntries(known.map((name) => [name, value[name]]))
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalidPatch()
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidPatch()
  return value as Readonly<Record<string, unknown>>
}

function invalidPatch(): AcrError {
  return new AcrError(400, 'UNSUPPORTED', `the body must be a JSON object of ${Object.keys(unlocked).join(', ')}`)
}
