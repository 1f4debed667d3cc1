import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../run.ts'
import { startRegistryWithContent } from './testing-content.ts'
import { temporaryDir, testIds } from './testing.ts'

t.test('buildah pushes an image by a password, and pulls it with another, by the blob host', async (t) => {
  const registry = await startRegistryWithContent(t)
  const dir = await temporaryDir(t)
  const certs = join(dir, 'certs')
  await mkdir(certs)
  await copyFile(registry.caFile, join(certs, 'ca.crt'))
  const storage = ['--root', join(dir, 'root'), '--runroot', join(dir, 'run'), '--storage-driver', 'vfs']
  const buildah = (...args: readonly string[]) => run('buildah', [...storage, ...args])
  const reference = `${registry.url.replace('https://', '')}/team/app:v1`
  const access = ({ username, password }: { readonly username: string; readonly password: string }) => [
    '--cert-dir',
    certs,
    '--creds',
    `${username}:${password}`,
  ]

  await writeFile(join(dir, 'file'), 'content')
  const { stdout: container } = await buildah('from', 'scratch')
  await buildah('copy', container, join(dir, 'file'), '/file')
  await buildah('commit', '--format', 'oci', container, 'local-image')
  await buildah('push', ...access(testIds.pusher), 'local-image', `docker://${reference}`)

  await t.rejects(
    buildah('push', ...access(testIds.puller), 'local-image', `docker://${reference}`),
    { message: /authentication required|unauthorized/ },
    'who may only pull may not push',
  )
  await buildah('rm', container)
  await buildah('rmi', 'local-image')
  await buildah('pull', ...access(testIds.puller), `docker://${reference}`)
  const { stdout: images } = await buildah('images', '--format', '{{.Name}}')
  t.match(images, '/team/app')
  await registry.requests.settled()
  t.ok(registry.requests.query({ path: '/data$' }).length > 0, 'layers come from the blob host')
})
