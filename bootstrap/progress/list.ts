import { Listr, PRESET_TIMER } from 'listr2'
import type { Verdict } from '../demo/step.ts'

/** One line of a list that shows how far something is. */
export interface Listed<Result extends Verdict> {
  readonly title: string
  /** What was reported last goes on being shown when it has ended. */
  readonly keepsLastLine?: boolean
  readonly run: (report: (line: string) => void) => Promise<Result>
}

/**
 * Runs what is listed in order, shows it live, and stops at the first that fails; answers what each came to, the failed
 * one included. Where nobody watches there is one plain line for each thing that happens.
 */
export async function runListed<Result extends Verdict>(listed: readonly Listed<Result>[]): Promise<readonly Result[]> {
  const results: Result[] = []
  const tasks = new Listr(
    listed.map(({ title, keepsLastLine = false, run }) => ({
      title,
      rendererOptions: { persistentOutput: keepsLastLine },
      task: async (_, task) => {
        const result = await run((line) => {
          task.output = line
        })
        results.push(result)
        // All of it is told by whoever asked, where there is room.
        if (!result.ok) throw new Error(result.detail.split('\n', 1)[0])
        task.title = `${title} — ${result.detail}`
      },
    })),
    {
      rendererOptions: { timer: PRESET_TIMER, collapseErrors: false },
      fallbackRenderer: 'simple',
      fallbackRendererOptions: { timer: PRESET_TIMER },
      exitOnError: true,
      registerSignalListeners: false,
    },
  )
  try {
    await tasks.run()
  } catch (error) {
    // What fails is a result, told by whoever asked; what is nobody's verdict is a fault of the list itself.
    if (results.every((result) => result.ok)) throw error
  }
  return results
}
