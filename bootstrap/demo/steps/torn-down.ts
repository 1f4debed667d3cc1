import { platformDown } from '../../local/platform.ts'
import { leftovers, tracesOf } from '../../local/native/traces.ts'
import type { DemoContext } from '../context.ts'
import { eventually } from '../eventually.ts'
import { notOk, ok, type Step } from '../step.ts'

export const tornDown: Step<DemoContext> = {
  name: 'torn-down',
  title: 'Everything is taken down, and nothing is left',
  act: async (context, report) => {
    // Namespaces have no names: what they were is known only as long as they are there.
    context.traces = await tracesOf(context.clusterName)
    await platformDown({ name: context.clusterName, onStep: report })
  },
  check: ({ clusterName, traces }, options) =>
    eventually(async () => {
      const left = await leftovers(clusterName, traces ?? (await tracesOf(clusterName)))
      if (left.length > 0) return notOk(`left: ${left.join(', ')}`)
      return ok('no process, namespace, mount, interface, firewall rule or control group of it is left')
    }, options),
}
