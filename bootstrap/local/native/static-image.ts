import { createHash } from 'node:crypto'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../run.ts'

export interface StaticImage {
  /** Name and tag that the image is known by. */
  readonly name: string
  /** A static program on this machine. */
  readonly program: string
  /** What it is called in the image's root, and how it is started. */
  readonly entrypoint: string
}

/**
 * Writes an image of one static program and no base as a tar archive of an OCI image layout; returns its path.
 * The folder is the call's own: what else is made there on the way is left in it.
 * https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export async function writeStaticImage(dir: string, image: StaticImage): Promise<string> {
  const layout = join(dir, 'layout')
  await mkdir(join(layout, 'blobs', 'sha256'), { recursive: true })
  const layer = await addBlob(layout, await makeLayer(dir, image), mediaType('layer.v1.tar'))
  const config = await addBlob(
    layout,
    json({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: {
        Entrypoint: [`/${image.entrypoint}`],
        User: '65535:65535',
        // Of two names that hold the same image a kubelet asks the registry of the one for the credentials of the other.
        Labels: { 'org.opencontainers.image.title': image.name },
      },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    }),
    mediaType('config.v1+json'),
  )
  const manifest = await addBlob(
    layout,
    json({ schemaVersion: 2, mediaType: mediaType('manifest.v1+json'), config, layers: [layer] }),
    mediaType('manifest.v1+json'),
  )
  const annotations = { 'io.containerd.image.name': image.name }
  await writeFile(
    join(layout, 'index.json'),
    json({ schemaVersion: 2, mediaType: mediaType('index.v1+json'), manifests: [{ ...manifest, annotations }] }),
  )
  await writeFile(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }))
  const archive = join(dir, `${image.entrypoint}.tar`)
  await run('tar', ['--create', '--file', archive, '--directory', layout, '.'])
  return archive
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

async function makeLayer(dir: string, { program, entrypoint }: StaticImage): Promise<Buffer> {
  const root = join(dir, 'root')
  const archive = join(dir, 'layer.tar')
  await mkdir(root, { recursive: true })
  await copyFile(program, join(root, entrypoint))
  const owner = ['--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '--mode=0755']
  await run('tar', ['--create', ...owner, '--file', archive, '--directory', root, entrypoint])
  return readFile(archive)
}

async function addBlob(layout: string, content: Buffer, type: string): Promise<Descriptor> {
  const hash = createHash('sha256').update(content).digest('hex')
  await writeFile(join(layout, 'blobs', 'sha256', hash), content)
  return { mediaType: type, digest: `sha256:${hash}`, size: content.length }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function mediaType(name: string): string {
  return `application/vnd.oci.image.${name}`
}
