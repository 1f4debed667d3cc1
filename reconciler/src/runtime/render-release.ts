import type { Delivery, Revision } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { checkBundle, describeViolations, violationReason } from '../core/bundle-rules.ts'
import type { Work } from '../core/desired.ts'
import { AppError } from '../core/errors.ts'
import { parseRepository } from '../core/image-reference.ts'
import { render } from '../core/render.ts'
import type { Manifests } from './manifest-source.ts'

/** The objects of a release, checked and rendered; throws AppError where it breaks a rule. */
export function renderRelease(
  { documents }: Manifests,
  { repository, tag, digest, image }: Revision,
  { metadata }: Delivery,
  { spec: { serviceAccountName } }: Work,
): readonly KubeObject[] {
  // Where the image was found: the spec may name another repository by the time it is written again.
  const found = parseRepository(repository)
  if (found.kind === 'invalid') throw new Error(`the release ${tag} in status is of no repository: ${found.problem}`)
  const checked = checkBundle(documents, { namespace: metadata.namespace, serviceAccountName })
  if (checked.kind === 'refused') {
    const { violations } = checked
    throw new AppError({
      kind: 'terminal',
      reason: violationReason(violations),
      message: `the manifests of ${tag} are refused: ${describeViolations(violations)}`,
    })
  }
  const rendering = render(checked.objects, {
    owner: metadata,
    repository: found.value,
    tag,
    digest,
    ...(image !== undefined && { image }),
  })
  if (rendering.kind === 'rendered') return rendering.objects
  throw new AppError({ kind: 'terminal', reason: rendering.reason, message: rendering.message })
}
