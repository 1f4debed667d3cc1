import type { AzureStep } from '../step.ts'
import { findRelease, installRelease } from './helm-release.ts'

/** Installs the Ingress controller. */
export const ingress: AzureStep = {
  name: 'ingress',
  title: 'Ingress controller',
  find: (context) => findRelease(context, context.charts.ingress),
  actions: (context) => installRelease(context, context.charts.ingress),
}
