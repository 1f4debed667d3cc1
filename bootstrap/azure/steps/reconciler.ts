import { reconcilerDeployment, reconcilerObjects } from '../../cluster/reconciler.ts'
import { waitForDeployment, type Manifest } from '../../local/install.ts'
import { kubeconfigOf, type AzureContext } from '../context.ts'
import { readSubject } from '../github/variables.ts'
import { applying, done, toDo, type AzureStep } from '../step.ts'
import { readOutput } from '../terraform/stack.ts'
import { isApplied } from './applied.ts'
import { readImage } from './image.ts'

const readyWithinMs = 5 * 60_000

/** The definition of Deliveries, and the reconciler: the same code as on the local platform, with Azure's settings. */
export const reconciler: AzureStep = {
  name: 'reconciler',
  title: 'Reconciler and the definition of Deliveries',
  find: async (context) => {
    const image = await readImage(context)
    const isThere = await isApplied(context, await objectsOf(context, image))
    if (!isThere) return toDo('it is not what its manifests say')
    context.notes.push(keptNote(context, image))
    return done(image)
  },
  actions: async (context) => {
    const { namespace, name } = reconcilerDeployment
    return [
      applying(await objectsOf(context, await readImage(context))),
      {
        text: `wait until Deployment ${namespace}/${name} is available`,
        perform: ({ signal }) =>
          waitForDeployment(kubeconfigOf(context), reconcilerDeployment, { timeoutMs: readyWithinMs, signal }),
      },
    ]
  },
  // Its Deployment's status may be written between what is compared.
  settleMs: 30_000,
}

/** No Delivery pulls it anew: it grows old while it runs, and retention knows of no cluster. */
function keptNote({ environment }: AzureContext, image: string): string {
  const retention = readSubject(environment, 'retentionSubject').environment
  const [, digest = image] = image.split('@')
  return `Until this is typed again the reconciler is ${digest}: name that in RETENTION_KEEP of ${retention} (docs/ci.md)`
}

async function objectsOf(context: AzureContext, image: string): Promise<readonly Manifest[]> {
  return reconcilerObjects({
    ...context.placement,
    image,
    registries: [await readOutput(context, 'platform', 'registry-host')],
    clientId: await readOutput(context, 'platform', 'reconciler-client-id'),
  })
}
