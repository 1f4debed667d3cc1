/** The `windlass` of CI: runs it with these arguments, and answers what it printed on stdout. */
export type Windlass = (args: readonly string[]) => Promise<string>

export interface LayoutRelease {
  /** OCI layout of what was built. */
  readonly layout: string
  /** `REGISTRY/REPOSITORY` */
  readonly to: string
  readonly revision: string
  /** Left out for what is not delivered by its manifests. */
  readonly delivered?: {
    readonly manifests: string
    readonly namespace: string
    readonly serviceAccount: string
  }
}

/**
 * What follows the build in a release, as `.github/workflows/release.yml` has it, without the scan and the signature that
 * only GitHub's runners have the means for. Answers the digest.
 */
export async function releaseLayout(
  windlass: Windlass,
  { layout, to, revision, delivered }: LayoutRelease,
  onStep?: (step: string) => void,
): Promise<string> {
  onStep?.('pushing it by digest')
  const digest = await windlass(['push', layout, '--to', to, '--revision', revision])
  const release = ['--image', `${to}@${digest}`, '--revision', revision]
  if (delivered !== undefined) {
    const { manifests, namespace, serviceAccount } = delivered
    onStep?.('attaching the manifests')
    await windlass(['attach', manifests, ...release, '--namespace', namespace, '--service-account', serviceAccount])
  }
  onStep?.('setting the tag')
  await windlass(['tag', ...release, '--manifests', delivered === undefined ? 'none' : 'attached'])
  onStep?.('locking it')
  await windlass(['lock', ...release])
  return digest
}
