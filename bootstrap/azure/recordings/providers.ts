import { json, type Recording } from './recording.ts'

const all = [
  'Microsoft.AlertsManagement',
  'Microsoft.Compute',
  'Microsoft.ContainerRegistry',
  'Microsoft.ContainerService',
  'Microsoft.EventGrid',
  'Microsoft.Insights',
  'Microsoft.ManagedIdentity',
  'Microsoft.Monitor',
  'Microsoft.Network',
  'Microsoft.OperationalInsights',
  'Microsoft.PolicyInsights',
  'Microsoft.Storage',
]

/** Of a subscription where only some were ever used. https://learn.microsoft.com/rest/api/resources/providers/list */
const listed = (unregistered: readonly string[]): string =>
  json(
    all.map((namespace) => ({
      // Azure is not of one mind about the case of this one.
      namespace: namespace === 'Microsoft.Insights' ? 'microsoft.insights' : namespace,
      registrationState: unregistered.includes(namespace) ? 'NotRegistered' : 'Registered',
    })),
  )

export const providerRecordings: readonly Recording[] = [
  { command: 'az provider list', stdout: listed(['Microsoft.ContainerService', 'Microsoft.EventGrid']) },
  {
    command: 'az provider list',
    after: 'az provider register --namespace Microsoft.ContainerService',
    stdout: listed(['Microsoft.EventGrid']),
  },
  { command: 'az provider list', after: 'az provider register --namespace Microsoft.EventGrid', stdout: listed([]) },
  { command: 'az provider register', stdout: '' },
]
