import { stripVTControlCharacters } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { predictorHost, predictorNamespace } from '../demo/names.ts'
import type { Platform } from '../local/platform.ts'
import type { TerminalSize } from './terminal.ts'
import { takePicture, takeTerminal } from './browser.ts'

/** The demo as it stands when its story is told. */
export interface Scene {
  readonly browser: Browser
  readonly platform: Platform
  /** What the demo printed, command included. */
  readonly told: string
}

export interface Picture {
  /** In `docs/screenshots`. */
  readonly file: string
  /** What a reader sees on it, for whom the picture is not shown also. */
  readonly shows: string
  readonly take: (scene: Scene) => Promise<Buffer>
}

/** Of the demo's terminal: all of the story is on the screen while it goes on. */
export const terminalSize: TerminalSize = { columns: 132, rows: 60 }

export const pictures: readonly Picture[] = [
  {
    file: 'demo.png',
    shows: 'The story of `npm run demo`, step by step, with what each one found.',
    take: ({ browser, told }) => takeTerminal(browser, told, terminalSize),
  },
  {
    file: 'deliveries.png',
    shows: 'After the story: what runs, what became of each SHA, and the pods, with `kubectl` alone.',
    take: async ({ browser, platform }) => takeTerminal(browser, await kubectlSession(platform), terminalSize),
  },
  {
    file: 'swagger-ui.png',
    shows: 'Swagger UI of the predictor behind the Ingress, with a request made and answered.',
    take: ({ browser }) => takePicture(browser, { width: 1000, height: 1330 }, showSwaggerUi),
  },
  {
    file: 'prometheus-targets.png',
    shows: 'Targets of Prometheus: the reconciler, the predictor, the Ingress and Prometheus itself.',
    take: ({ browser, platform }) =>
      takePicture(browser, { width: 1200, height: 300 }, (page) => showTargets(page, platform.prometheusUrl)),
  },
  {
    file: 'prometheus-graphs.png',
    shows: 'Graphs of Prometheus over the story: the pods of each release, and the state of the Delivery.',
    take: ({ browser, platform }) =>
      takePicture(browser, { width: 1100, height: 900 }, (page) => showGraphs(page, platform)),
  },
]

const outcomes = `'{range .status.history[*]}{.at} {.outcome} {.reason} {.tag}{"\\n"}{end}'`
const commands: readonly string[] = [
  'kubectl get deliveries --all-namespaces',
  `kubectl -n ${predictorNamespace} get delivery predictor -o jsonpath=${outcomes}`,
  `kubectl -n ${predictorNamespace} get pods,hpa`,
]

/** What a person types and reads. */
async function kubectlSession({ cluster }: Platform): Promise<string> {
  const parts: string[] = []
  for (const command of commands) {
    const { stdout } = await cluster.exec('sh', ['-c', command])
    parts.push(`$ ${command}\n${stdout.trimEnd()}\n`)
  }
  return parts.join('\n').trimEnd()
}

/** With its own example as the request. */
async function showSwaggerUi(page: Page): Promise<'window'> {
  await page.goto(`http://${predictorHost}/docs/`)
  const operation = page.locator('.opblock-post', { hasText: '/predict' })
  await operation.locator('.opblock-summary-control').click()
  await operation.getByRole('button', { name: 'Execute' }).click()
  await operation.locator('.live-responses-table').waitFor()
  await page.mouse.move(0, 0)
  return 'window'
}

/** Where Debian keeps the pages for people. */
async function showTargets(page: Page, url: string): Promise<'page'> {
  await page.goto(`${url}/classic/targets`)
  await page.locator('table').first().waitFor()
  return 'page'
}

const graphs = [
  // As many pods of the predictor as answer, by the ReplicaSet that each is of.
  `count by (release) (label_replace(up{namespace="${predictorNamespace}"} == 1, "release", "$1", "pod", "(.*)-.*"))`,
  'max by (state) (windlass_delivery_state)',
]

async function showGraphs(page: Page, { cluster, prometheusUrl }: Platform): Promise<'page'> {
  const delivery = ['--namespace', predictorNamespace, 'get', 'delivery', 'predictor']
  const created = await cluster.exec('kubectl', [...delivery, '--output=jsonpath={.metadata.creationTimestamp}'])
  const seconds = Math.ceil((Date.now() - Date.parse(created.stdout)) / 1_000)
  const query = graphs.flatMap((expression, index): [string, string][] => [
    [`g${index}.expr`, expression],
    [`g${index}.tab`, '0'],
    [`g${index}.stacked`, '1'],
    [`g${index}.range_input`, `${seconds}s`],
  ])
  await page.goto(`${prometheusUrl}/classic/graph?${new URLSearchParams(query).toString()}`)
  for (const index of graphs.keys()) await page.locator('.rickshaw_graph svg').nth(index).waitFor()
  // The page has put the cursor into its last field, and scrolled there.
  await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)')
  return 'page'
}

/** The demo's own output up to where its story is told, behind the line that was typed. */
export function toldBy(typed: string, printed: string, end: RegExp): string {
  const lines = printed.split('\n')
  const last = lines.findIndex((line) => end.test(stripVTControlCharacters(line)))
  return [`$ ${typed}`, ...lines.slice(0, last === -1 ? undefined : last)].join('\n').trimEnd()
}
