import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { withAttestation } from '../../../bootstrap/local/images/attestation.ts'
import { mediaTypes, sealLayout, writeBlob, type OciImage } from '../../../bootstrap/local/images/oci-image.ts'
import { imageAnnotations } from '../api/annotations.ts'

export interface TestLayout {
  readonly revision: string
  readonly sequence?: number
  /** In the one layer; another image for each. */
  readonly content?: string | Buffer
  /** An image alone, without the index that a builder makes around it and its provenance. */
  readonly isBare?: boolean
}

/** What a builder writes, in small; ends with the test. */
export async function writeTestLayout(t: Test, layout: TestLayout): Promise<OciImage> {
  const { revision, sequence, content = randomBytes(64), isBare = false } = layout
  const folder = await testFolder(t)
  const bare = join(folder, 'bare')
  await mkdir(bare)
  const config = await writeBlob(bare, mediaTypes.config, JSON.stringify({ architecture: 'amd64', os: 'linux' }))
  const layer = await writeBlob(bare, 'application/vnd.oci.image.layer.v1.tar', content)
  const annotations = {
    [imageAnnotations.revision]: revision,
    ...(sequence !== undefined && { [imageAnnotations.sequence]: String(sequence) }),
  }
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer], annotations }
  const image = await sealLayout(bare, await writeBlob(bare, mediaTypes.manifest, JSON.stringify(manifest)))
  return isBare ? image : withAttestation(image, join(folder, 'index'))
}

/** Manifests of one Deployment of that repository. */
export async function writeTestManifests(t: Test, repository: string): Promise<string> {
  const folder = await testFolder(t)
  const container = { name: 'web', image: repository }
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { template: { spec: { containers: [container] } } },
  }
  await writeFile(join(folder, 'deployment.json'), JSON.stringify(deployment))
  return folder
}

async function testFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'windlass-layout-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
