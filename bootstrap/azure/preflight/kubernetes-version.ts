import { askJson } from '../../calls/call.ts'
import { az } from '../context.ts'
import { Problem } from '../../calls/problem.ts'
import type { Check } from './check.ts'

/** `az aks get-versions`: https://learn.microsoft.com/rest/api/aks/managed-clusters/list-kubernetes-versions */
interface Versions {
  readonly values: readonly { readonly version: string; readonly isPreview: boolean | null }[]
}

export const kubernetesVersion: Check = {
  what: 'version of Kubernetes',
  look: async (context) => {
    const { file, config } = context.environment
    const { kubernetesVersion: wanted } = config.settings.cluster
    const call = az(context, 'aks get-versions', { location: config.location })
    const { values } = await askJson<Versions>(context.run, call)
    const offered = values.filter(({ isPreview }) => isPreview !== true).map(({ version }) => version)
    if (offered.includes(wanted)) return []
    return [
      new Problem({
        what: `Kubernetes ${wanted} in ${config.location}`,
        why: `AKS offers ${offered.join(', ')}`,
        mend: `override cluster.kubernetesVersion in ${file}`,
      }),
    ]
  },
}
