/** A job's subject, as GitHub's tokens have it; newer repositories have IDs behind both names. */
export interface Subject {
  /** `OWNER/REPOSITORY` */
  readonly repository: string
  readonly environment: string
}

/** https://docs.github.com/actions/reference/security/oidc#example-subject-claims */
export function parseSubject(subject: string): Subject | undefined {
  const { owner, repository, environment } =
    /^repo:(?<owner>[^/:@]+)(@\d+)?\/(?<repository>[^/:@]+)(@\d+)?:environment:(?<environment>[^:]+)$/.exec(subject)
      ?.groups ?? {}
  if (owner === undefined || repository === undefined || environment === undefined) return undefined
  return { repository: `${owner}/${repository}`, environment }
}
