import { registryGrants } from '../../../infra/src/registry-access.ts'
import { askJson } from '../../calls/call.ts'
import { az, type AzureContext } from '../context.ts'
import { readSubject } from '../github/variables.ts'
import { readOperator } from '../operator.ts'
import { failureOf } from '../../calls/explained.ts'
import { Problem, type ProblemText } from '../../calls/problem.ts'
import { reconcilerRepository } from '../repositories.ts'
import { calling, done, toDo, type AzureStep } from '../step.ts'
import { readOutput } from '../terraform/stack.ts'

/**
 * Sees to it that the reconciler's image is in the registry. Nothing is pushed from here: only CI's identity may, and its
 * release is scanned and signed.
 */
export const image: AzureStep = {
  name: 'image',
  title: "The reconciler's image",
  find: async (context) => {
    if (context.options.image !== undefined) return done(context.options.image)
    const newest = await newestRelease(context)
    return newest === undefined ? toDo('the registry refuses your login yet') : done(newest)
  },
  // An owner of the subscription may read no repository of a registry with roles for single repositories.
  actions: async (context) => {
    const { environment } = context
    const { objectId, type } = await readOperator(context)
    return registryGrants(environment.config, 'read', [reconcilerRepository]).map(({ role, condition }) =>
      calling(
        az(context, 'role assignment create', {
          role,
          scope: environment.ids.registry,
          'assignee-object-id': objectId,
          'assignee-principal-type': type,
          ...(condition !== undefined && { condition, 'condition-version': '2.0' }),
        }),
      ),
    )
  },
  settleMs: 15 * 60_000,
  unsettled: refusal,
}

/** By digest: the one that was named, or the newest release. */
export async function readImage(context: AzureContext): Promise<string> {
  if (context.options.image !== undefined) return context.options.image
  const newest = await newestRelease(context).catch((error: unknown) => {
    if (!context.isDryRun) throw error
    return undefined
  })
  if (newest !== undefined) return newest
  if (!context.isDryRun) throw refusal(context)
  return `${await readOutput(context, 'platform', 'registry-host')}/${reconcilerRepository}@<digest of its newest release>`
}

/** `az acr repository show-tags --detail`: https://learn.microsoft.com/cli/azure/acr/repository#az-acr-repository-show-tags */
interface Tag {
  readonly name: string
  readonly digest: string
  readonly createdTime: string
}

/**
 * What is said where no token is given for the login, or one that may not read: the role is missing, or not known yet.
 * Why the exchange failed is a warning of the Azure CLI; its error says only that it is left without credentials.
 * https://learn.microsoft.com/azure/container-registry/container-registry-health-error-reference
 */
function isRefused(said: string): boolean {
  const [, code] = /Response code: (\d+)/.exec(said) ?? []
  if (code !== undefined) return code === '401' || code === '403'
  return /UNAUTHORIZED|authentication required|access to the resource is denied|Unable to authenticate using AAD/i.test(
    said,
  )
}

/** What is said to an address that the network rules do not let in. */
const isShutOut = /CONNECTIVITY_FORBIDDEN_ERROR|configured firewall rules|client with IP \S+ is not allowed/i

/** Undefined where it may not be read. */
async function newestRelease(context: AzureContext): Promise<string | undefined> {
  const tags = await readTags(context)
  if (tags === undefined) return undefined
  // They come by their last change, which a lock is too.
  const [release] = tags
    .filter(({ name }) => /^[0-9a-f]{40}$/.test(name))
    .toSorted((one, other) => Date.parse(other.createdTime) - Date.parse(one.createdTime))
  if (release !== undefined) {
    return `${await readOutput(context, 'platform', 'registry-host')}/${reconcilerRepository}@${release.digest}`
  }
  const { names } = context.environment
  throw new Problem({
    what: `registry ${names.registry}`,
    why: `it has no release of the repository ${reconcilerRepository} yet`,
    mend:
      'let CI release it: once the variables of GitHub are set, push to main, or re-run the workflow release of ' +
      `${readSubject(context.environment, 'applySubject').repository}; then type the same again. Or name one: --image REFERENCE@DIGEST`,
  })
}

async function readTags(context: AzureContext): Promise<readonly Tag[] | undefined> {
  const call = az(context, 'acr repository show-tags', {
    name: context.environment.names.registry,
    repository: reconcilerRepository,
    orderby: 'time_desc',
    top: '20',
    detail: true,
  })
  const args = call.args.filter((argument) => argument !== '--only-show-errors')
  try {
    return await askJson(context.run, { ...call, args })
  } catch (error) {
    const failure = failureOf(error)
    if (failure?.exitCode !== 1) throw error
    if (isShutOut.test(failure.stderr)) throw new Problem(shutOut(context), { cause: failure })
    if (isRefused(failure.stderr)) return undefined
    if (/not known to registry/.test(failure.stderr)) return []
    throw error
  }
}

function refusal({ environment }: AzureContext): Problem {
  const { names, ids, config } = environment
  return new Problem({
    what: `registry ${names.registry}`,
    why: `it refuses your login (401 or 403): no token is given that may read ${reconcilerRepository}`,
    mend:
      'a role that was given a moment ago takes up to ten minutes to be known everywhere: type the same again then. ' +
      `'az role assignment list --scope ${ids.registry} --include-inherited' tells who has one; a login from before it ` +
      `is made anew by az logout and az login --tenant ${config.tenantId}. ${orNameIt}`,
  })
}

function shutOut({ environment }: AzureContext): ProblemText {
  const { names, file } = environment
  return {
    what: `registry ${names.registry}`,
    why: 'its network rules refuse the address of this machine (403)',
    mend:
      `add that address to registry.allowedIpRanges in ${file} and type the same again, or run this from a network that ` +
      `they let in. ${orNameIt}`,
  }
}

const orNameIt = 'Or name the image, so that the registry is not asked: --image REFERENCE@DIGEST'
