/** What checkov fails and is left so, by its check and the object's name, and why. */
export interface Exception {
  readonly check: string
  /** Of Terraform the resource's name, of Kubernetes `Kind/name`. */
  readonly object: string
  readonly reason: string
}

/** Of both profiles. */
const everywhere: readonly Exception[] = [
  ...['state-storage', 'events-storage'].flatMap((object) => [
    {
      check: 'CKV_AZURE_59',
      object,
      reason: "GitHub's runners and operators come from outside; only Entra ID lets in.",
    },
    { check: 'CKV2_AZURE_33', object, reason: 'As before: a private endpoint would shut out who has to reach it.' },
    { check: 'CKV2_AZURE_1', object, reason: "No key of our own to lose: encrypted twice with Microsoft's." },
  ]),
  { check: 'CKV_AZURE_33', object: 'state-storage', reason: 'It has no queue.' },
  {
    check: 'CKV2_AZURE_21',
    object: 'state-container',
    reason: 'The activity log and versions tell who changed a state.',
  },
  { check: 'CKV_AZURE_33', object: 'events-storage', reason: 'A message is a hint that is gone in an hour.' },
  { check: 'CKV_AZURE_206', object: 'events-storage', reason: 'As before; the next poll finds what a lost hint told.' },
  { check: 'CKV2_AZURE_38', object: 'events-storage', reason: 'It has no blob that could be deleted.' },
  { check: 'CKV_AZURE_139', object: 'registry-acr', reason: "GitHub's own runners push to it; only Entra ID lets in." },
  { check: 'CKV_AZURE_164', object: 'registry-acr', reason: 'Docker Content Trust is retired, and gone in azurerm 5.' },
  { check: 'CKV_AZURE_165', object: 'registry-acr', reason: 'One cluster in one region pulls from it.' },
  {
    check: 'CKV_AZURE_166',
    object: 'registry-acr',
    reason: 'Images are scanned before their tag; quarantine would hide them.',
  },
  {
    check: 'CKV_AZURE_233',
    object: 'registry-acr',
    reason: 'Every registry is zone-redundant now; to set it forces a new one.',
  },
  {
    check: 'CKV_AZURE_115',
    object: 'aks-cluster',
    reason: 'Authorized ranges guard it; `cluster.apiServer` has `private`.',
  },
  { check: 'CKV_AZURE_117', object: 'aks-cluster', reason: 'Disks are ephemeral: no key of our own to lose.' },
  { check: 'CKV_AZURE_172', object: 'aks-cluster', reason: 'The secrets store driver is off; with it comes rotation.' },
]

/** What a dev environment saves. */
const ofDev: readonly Exception[] = [
  { check: 'CKV_AZURE_167', object: 'registry-acr', reason: 'Of a Premium registry only.' },
  { check: 'CKV_AZURE_237', object: 'registry-acr', reason: 'Of a Premium registry only.' },
  { check: 'CKV_AZURE_170', object: 'aks-cluster', reason: 'Nobody is promised anything: the Free tier.' },
  { check: 'CKV_AZURE_227', object: 'aks-cluster', reason: 'The subscription would need a feature registered first.' },
  { check: 'CKV_AZURE_232', object: 'aks-cluster', reason: 'One pool for all.' },
]

export const azureExceptions = { dev: [...everywhere, ...ofDev], prod: everywhere } as const

const programs = ['Deployment/predictor', 'Deployment/windlass']

export const kubernetesExceptions: readonly Exception[] = [
  ...programs.flatMap((object) => [
    { check: 'CKV_K8S_43', object, reason: 'The digest is written in where it is installed, or by the reconciler.' },
    { check: 'CKV_K8S_15', object, reason: 'Pinned by digest: what a node has is what the registry has.' },
  ]),
  {
    check: 'CKV_K8S_11',
    object: 'Deployment/windlass',
    reason: 'It may use idle cores: throttled, it could lose its lease.',
  },
  { check: 'CKV_K8S_38', object: 'Deployment/windlass', reason: 'It talks to the API server.' },
]
