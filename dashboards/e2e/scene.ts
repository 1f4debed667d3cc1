/** A predictor of its own, delivered by the platform's reconciler, and what happens to it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { checkout } from '../../bootstrap/local/checkout.ts'
import { debianImages } from '../../bootstrap/local/images/debian-images.ts'
import { programs } from '../../bootstrap/local/images/image-context.ts'
import type { Platform } from '../../bootstrap/local/platform.ts'
import { pushProgram } from '../../bootstrap/local/registry-push.ts'
import { asCi } from '../../reconciler/bench/ci-publisher.ts'
import { readMoved, type Delivered } from '../../reconciler/e2e/delivered.ts'
import { imageOf } from '../../reconciler/e2e/test-releases.ts'
import { attach } from '../../reconciler/src/cli/attach.ts'
import type { KubeObject } from '../../reconciler/src/kube/ports.ts'
import { catalogue } from '../../predictor/src/model/catalogue.ts'

const host = 'dashboards.windlass.test'

export interface Release {
  readonly sequence: number
  /** Of the predictor: what it refuses to start with fails the release. */
  readonly logLevel?: string
}

/** Builds the predictor, pushes it with its manifests, and tags it `rN`, as CI does. */
export async function release(
  platform: Platform,
  { namespace, repository }: Delivered,
  { sequence, logLevel = 'info' }: Release,
  signal: AbortSignal,
): Promise<string> {
  const tag = `r${sequence}`
  const { reference } = await pushProgram({
    registry: platform.registry,
    root: checkout,
    program: programs.predictor,
    dockerfile: 'predictor/Dockerfile',
    base: debianImages.base,
    release: { revision: tag, created: '2026-03-01T12:00:00Z', sequence },
    repository,
    signal,
  })
  const documents = (await readMoved('release', namespace)).map((object) => placed(object, repository, logLevel))
  const folder = await mkdtemp(join(tmpdir(), 'windlass-dashboards-'))
  try {
    for (const [index, document] of documents.entries()) {
      await writeFile(join(folder, `${index}.json`), JSON.stringify(document))
    }
    await asCi(platform, signal, (connection) =>
      attach({ folder, image: reference, revision: tag, tag }, { connect: () => connection, say: () => {}, signal }),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return tag
}

/** Asks for every symbol, and for one that nobody knows, by both operations. */
export async function visit({ ingressUrl }: Platform, signal: AbortSignal): Promise<readonly number[]> {
  const statuses: number[] = []
  for (const symbol of [...catalogue.keys(), 'DOGE']) {
    for (const [method, path] of [
      ['GET', 'quote'],
      ['POST', 'predict'],
    ] as const) {
      const url = new URL(`/${path}?symbol=${symbol}`, ingressUrl)
      const { statusCode, body } = await request(url, { method, headers: { host }, signal })
      await body.dump()
      statuses.push(statusCode)
    }
  }
  return statuses
}

interface Workload extends KubeObject {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly [object] } } }
}

function placed(object: KubeObject, repository: string, logLevel: string): object {
  if (object.kind === 'ConfigMap') return { ...object, data: { ...(object['data'] as object), LOG_LEVEL: logLevel } }
  if (object.kind === 'Ingress') {
    const { rules } = object['spec'] as { readonly rules: readonly object[] }
    return { ...object, spec: { rules: rules.map((rule) => ({ ...rule, host })) } }
  }
  if (object.kind !== 'Deployment') return object
  const { spec } = object as Workload
  const [container] = spec.template.spec.containers
  const podSpec = { ...spec.template.spec, containers: [{ ...container, image: imageOf(repository) }] }
  return { ...object, spec: { ...spec, template: { ...spec.template, spec: podSpec } } }
}
