/**
 * The kinds that a release may hold. Bundle rules, watches, prune and the generated RBAC read this one table. All of
 * them are namespaced. What is left out is left out on purpose: Secrets belong to the operator, Roles and RoleBindings
 * would let a push loosen its own rights, Pods and Jobs cannot be applied again.
 */
export interface SupportedKind {
  readonly apiVersion: string
  /** The API group; empty for the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  /** The resource as it stands in paths and RBAC rules. */
  readonly plural: string
  /** Served only where its CRD is installed: watch it once a release holds one, never before. */
  readonly needsCrd: boolean
}

export const supportedKinds = [
  builtIn('v1', 'ConfigMap', 'configmaps'),
  builtIn('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  builtIn('v1', 'Service', 'services'),
  builtIn('v1', 'ServiceAccount', 'serviceaccounts'),
  builtIn('apps/v1', 'DaemonSet', 'daemonsets'),
  builtIn('apps/v1', 'Deployment', 'deployments'),
  builtIn('apps/v1', 'StatefulSet', 'statefulsets'),
  builtIn('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  builtIn('batch/v1', 'CronJob', 'cronjobs'),
  builtIn('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  builtIn('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  builtIn('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  { ...builtIn('gateway.networking.k8s.io/v1', 'HTTPRoute', 'httproutes'), needsCrd: true },
] as const satisfies readonly SupportedKind[]

export function findSupportedKind(apiVersion: string, kind: string): SupportedKind | undefined {
  return supportedKinds.find((supported) => supported.apiVersion === apiVersion && supported.kind === kind)
}

function builtIn(apiVersion: string, kind: string, plural: string): SupportedKind {
  const slash = apiVersion.indexOf('/')
  return {
    apiVersion,
    group: slash === -1 ? '' : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    kind,
    plural,
    needsCrd: false,
  }
}

/** Where the version is not told, as in a label or a key: a kind is supported in one version alone. */
export function supportedKindOf(group: string, kind: string): SupportedKind | undefined {
  return supportedKinds.find((supported) => supported.group === group && supported.kind === kind)
}
