import type { StackName } from '../../../infra/src/stack.ts'
import type { AzureContext } from '../context.ts'
import { calling, done, toDo, type AzureStep } from '../step.ts'
import { hasStateContainer } from '../steps/state.ts'
import { init, synthesizing, terraform } from '../terraform/stack.ts'

/** Destroys what one stack made; of the base all but what keeps the state, which goes last. */
export function destroyStack(stack: StackName, title: string): AzureStep {
  return {
    name: `destroy-${stack}`,
    title,
    find: async (context) => {
      if (!(await hasStateContainer(context))) return done('there is no state')
      const held = await destroyable(context, stack)
      return held.length === 0 ? done('it holds nothing') : toDo(`it holds ${held.length} resources`)
    },
    actions: async (context) => {
      const targets = await targetsOf(context, stack)
      const options = ['-input=false', '-no-color']
      const plan = terraform(context, stack, 'plan', '-destroy', ...options, ...targets, '-out=destroy.bin')
      const apply = terraform(context, stack, 'apply', ...options, 'destroy.bin')
      return [synthesizing(context), calling(init(context, stack)), calling(plan), calling(apply)]
    },
  }
}

/** Addresses of what is destroyed here; data sources are nothing that could be. */
async function destroyable(context: AzureContext, stack: StackName): Promise<readonly string[]> {
  await synthesizing(context).perform(context)
  await context.run(init(context, stack))
  const { stdout } = await context.run(terraform(context, stack, 'state', 'list'))
  const addresses = stdout.split('\n').filter((address) => address !== '' && !address.startsWith('data.'))
  return addresses.filter((address) => !(stack === 'base' && keepsState.test(address)))
}

/** Of infra's state.ts: the construct that they are in. */
const keepsState = /^azurerm_\w+\.state-/

async function targetsOf(context: AzureContext, stack: StackName): Promise<readonly string[]> {
  if (stack !== 'base') return []
  try {
    return (await destroyable(context, stack)).map((address) => `-target=${address}`)
  } catch (error) {
    if (!context.isDryRun) throw error
    return ['-target=<each resource but what keeps the state>']
  }
}
