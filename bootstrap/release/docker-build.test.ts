import t from 'tap'
import { dockerArguments } from './docker-build.ts'
import { releasables } from './releasable.ts'

const build = {
  root: '/checkout',
  releasable: releasables.predictor,
  base: `gcr.io/distroless/cc-debian12@sha256:${'a'.repeat(64)}`,
  release: { revision: 'b'.repeat(40), created: '2026-11-26T08:00:00Z', sequence: 7 },
  out: '/out',
}

t.test('buildx is told to write a layout, with provenance, and to push nothing', async (t) => {
  t.same(dockerArguments(build, '/context'), [
    'buildx',
    'build',
    '/context',
    '--file=/checkout/predictor/Dockerfile',
    `--build-arg=BASE=${build.base}`,
    `--build-arg=REVISION=${'b'.repeat(40)}`,
    '--build-arg=CREATED=2026-11-26T08:00:00Z',
    '--provenance=mode=max',
    `--annotation=index:org.opencontainers.image.revision=${'b'.repeat(40)}`,
    '--annotation=index:org.opencontainers.image.created=2026-11-26T08:00:00Z',
    '--annotation=index:windlass.dev/sequence=7',
    '--output=type=oci,tar=false,dest=/out',
  ])
})

t.test('a base by a tag is refused', async (t) => {
  t.throws(() => dockerArguments({ ...build, base: 'gcr.io/distroless/cc-debian12:latest' }, '/context'), {
    message: /named by its digest, .* not as 'gcr\.io\/distroless\/cc-debian12:latest'/,
  })
})
