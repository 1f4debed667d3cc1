import { KubeConfig } from '@kubernetes/client-node'

export interface KubeConfigSource {
  /** Path of a kubeconfig; without it the pod's own service account is used. */
  readonly file?: string
  /** Context in that file; without it the current one. */
  readonly context?: string
}

/** Throws an Error that says what is missing; whether the API server answers is not tried here. */
export function loadKubeConfig({ file, context }: KubeConfigSource): KubeConfig {
  const config = new KubeConfig()
  if (file === undefined) {
    // Else client-node goes on with the host name "undefined".
    if (!process.env['KUBERNETES_SERVICE_HOST'] || !process.env['KUBERNETES_SERVICE_PORT']) {
      throw new Error('no kubeconfig was named, and this process does not run in a pod')
    }
    config.loadFromCluster()
    return config
  }
  config.loadFromFile(file)
  if (context === undefined) return config
  if (config.getContextObject(context) === null) throw new Error(`${file} has no context ${context}`)
  config.setCurrentContext(context)
  return config
}
