import { repositories } from '../local/identities.ts'
import type { RegistryService } from '../local/registry-service.ts'
import { waitFor } from '../local/wait.ts'

const timeoutMs = 60_000

/** The registry's log: waits until the reconciler has asked what is newest so often again. */
export async function untilPolled({ admin }: RegistryService, times: number, signal: AbortSignal): Promise<number> {
  const after = await admin.lastRequest()
  const path = `^/acr/v1/${repositories.predictor}/_tags$`
  return waitFor(
    async () => {
      const polls = await admin.requests({ after, user: 'reconciler', path })
      return polls.length >= times ? polls.length : undefined
    },
    () => `the registry to be polled ${times} times`,
    { timeoutMs, signal },
  )
}
