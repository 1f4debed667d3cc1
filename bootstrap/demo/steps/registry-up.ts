import { platform as names } from '../../local/backend.ts'
import { startServices } from '../../local/platform.ts'
import { clusterOf, type DemoContext, platformOf } from '../context.ts'
import { eventually } from '../eventually.ts'
import { notOk, ok, type Step } from '../step.ts'

export const registryUp: Step<DemoContext> = {
  name: 'registry-up',
  title: "A registry that speaks ACR's API; Ingress and Prometheus from images in it",
  act: async (context, report) => {
    context.platform = await startServices(clusterOf(context), { signal: context.signal, onStep: report })
  },
  check: (context, options) =>
    eventually(async (signal) => {
      const { registry } = platformOf(context)
      const { statusCode, headers, body } = await registry.request('/v2/', { signal })
      await body.dump()
      const challenge = String(headers['www-authenticate'] ?? '')
      if (statusCode !== 401 || !challenge.startsWith('Bearer ')) {
        return notOk(`GET https://${names.registryHost}/v2/ answered ${statusCode} with the challenge '${challenge}'`)
      }
      return ok(`https://${names.registryHost} answers, and asks who we are`)
    }, options),
}
