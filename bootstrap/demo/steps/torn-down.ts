import type { DemoContext } from '../context.ts'
import { eventually } from '../eventually.ts'
import { notOk, ok, type Step } from '../step.ts'

export const tornDown: Step<DemoContext> = {
  name: 'torn-down',
  title: 'Everything is taken down, and nothing is left',
  act: async (context, report) => {
    const { backend, clusterName } = context
    context.leftovers = await backend.leftovers(clusterName)
    await backend.down({ name: clusterName, onStep: report })
  },
  check: ({ backend, clusterName, leftovers }, options) =>
    eventually(async () => {
      const left = await (leftovers ?? (await backend.leftovers(clusterName)))()
      if (left.length > 0) return notOk(`left: ${left.join(', ')}`)
      return ok(`no ${backend.leavesNo} of it is left`)
    }, options),
}
