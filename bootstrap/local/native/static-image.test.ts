import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../run.ts'
import { writeStaticImage } from './static-image.ts'

interface Descriptor {
  readonly digest: string
  readonly size: number
}

t.test(
  'the archive is an OCI layout whose every digest and size is true, with the program as its one file',
  async (t) => {
    const dir = t.testdir({ program: '#!/bin/sh\n' })
    const archive = await writeStaticImage(join(dir, 'image'), {
      name: 'example.test/thing:1',
      program: join(dir, 'program'),
      entrypoint: 'thing',
    })
    const layout = join(dir, 'unpacked')
    await mkdir(layout)
    await run('tar', ['--extract', '--file', archive, '--directory', layout])
    const blob = async ({ digest, size }: Descriptor) => {
      const content = await readFile(join(layout, 'blobs', digest.replace(':', '/')))
      t.same([`sha256:${createHash('sha256').update(content).digest('hex')}`, content.length], [digest, size])
      return content
    }

    const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'))
    t.equal(index.manifests[0].annotations['io.containerd.image.name'], 'example.test/thing:1')
    const manifest = JSON.parse((await blob(index.manifests[0])).toString())
    const config = JSON.parse((await blob(manifest.config)).toString())
    t.same(config.config.Entrypoint, ['/thing'])
    t.same(config.rootfs.diff_ids, [manifest.layers[0].digest], 'the layer is not compressed')
    const layer = join(dir, 'layer.tar')
    await writeFile(layer, await blob(manifest.layers[0]))
    const { stdout } = await run('tar', ['--list', '--verbose', '--file', layer])
    t.match(stdout, /^-rwxr-xr-x 0\/0 +10 .* thing$/)
  },
)
