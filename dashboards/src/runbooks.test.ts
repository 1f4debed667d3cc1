import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import {
  codeBlocks,
  firstParagraphOf,
  headingsOf,
  pageAt,
  readPages,
  sectionOf,
  sectionOn,
} from '../../bootstrap/checks/markdown.ts'
import {
  failedPolls,
  fewestBad,
  latency,
  pausedTooLongS,
  pinnedTooLongS,
  pollTooOldS,
  pushToReady,
  waitingTooLongS,
} from './objectives.ts'
import { dashboards, panelsOf } from './promql/expressions.ts'
import { alertRules, annotationsOf } from './rules/rule-groups.ts'
import { runbookPage } from './runbooks.ts'

const root = join(import.meta.dirname, '..', '..')
const page = pageAt(readPages(root), runbookPage)
const entries = sectionOn(page, 'Alerts')

t.test('every alert has an entry of its own, and no entry is of none', async (t) => {
  const titles = headingsOf(entries).map(({ title }) => title)
  t.same(titles.toSorted(), alertRules.map(({ alert }) => alert).toSorted())
})

t.test('the link of every alert leads to a heading of that page, which no other has', async (t) => {
  const anchors = headingsOf(page.text).map(({ title }) => anchorOf(title))
  for (const rule of alertRules) {
    const { runbook_url: url = '' } = annotationsOf(rule)
    const { pathname, hash } = new URL(url)
    t.ok(pathname.endsWith(`/${runbookPage}`), url)
    t.same(
      anchors.filter((anchor) => `#${anchor}` === hash),
      [hash.slice(1)],
      url,
    )
  }
})

t.test('an entry says how urgent it is, after what time, what to look at and what to do', async (t) => {
  for (const { alert, severity, forS } of alertRules) {
    const after = forS === 0 ? 'at once' : forS === 86_400 ? 'after a day' : `after ${forS / 60} min`
    const entry = sectionOf(entries, alert) ?? ''
    t.match(firstParagraphOf(entry), new RegExp(`^[A-Z].+\\. — ${severity}, ${after}$`), alert)
    const more = entry.trim().split('\n\n').slice(1).join('\n')
    t.ok(more.length > 40, `${alert}: more than what it means`)
  }
})

t.test('an entry has a command of kubectl to begin with, or goes by the list of another that has', async (t) => {
  for (const { alert } of alertRules) {
    const entry = sectionOf(entries, alert) ?? ''
    const others = alertRules.filter((other) => entry.includes(`](#${other.alert.toLowerCase()})`))
    const read = [entry, ...others.map((other) => sectionOf(entries, other.alert) ?? '')]
    t.ok(
      read.some((one) => codeBlocks(one, 'sh').some((commands) => commands.includes('kubectl '))),
      alert,
    )
  }
})

t.test('who goes back by a pin is told that what was ready is not in quarantine', async (t) => {
  t.match(sectionOn(page, 'Pin and unpin'), /push its fix before you remove the pin/)
  t.match(sectionOf(entries, 'PredictorErrorBudgetBurningFast'), /leave the pin until a fix is pushed/)
})

t.test("who is sent to raise the autoscaler's bound finds a command that raises it", async (t) => {
  const autoscaler = parse(
    readFileSync(join(root, 'manifests/predictor/release/horizontalpodautoscaler-predictor.yaml'), 'utf8'),
  ) as { readonly spec: { readonly maxReplicas: number } }
  const commands = codeBlocks(sectionOn(page, 'Scale by hand'), 'sh').join('')
  const [, raised] = /"maxReplicas":(\d+)/.exec(commands) ?? []
  t.ok(Number(raised) > autoscaler.spec.maxReplicas, commands)
})

t.test('entries say the limits that rules go by', async (t) => {
  const limits = {
    PredictorErrorBudgetBurningFast: ['five at least', fewestBad === 5],
    PredictorLatencyBudgetBurningFast: ['100 ms', latency.withinS === 0.1],
    WindlassDeliveryPausedTooLong: ['four hours', pausedTooLongS / 3_600 === 4],
    WindlassDeliveryPinnedTooLong: ['more than a day', pinnedTooLongS === 24 * 3_600],
    WindlassDeliveryWaiting: ['half an hour', waitingTooLongS === 30 * 60],
    WindlassPollTooOld: ['a quarter of an hour', pollTooOldS === 15 * 60],
    WindlassPushToReadySlow: ['five minutes', pushToReady.withinS === 5 * 60],
    WindlassRegistryFailing: ['More than half', failedPolls === 0.5],
  } as const
  for (const [alert, [words, isSo]] of Object.entries(limits)) {
    t.match(firstParagraphOf(sectionOf(entries, alert) ?? ''), words, alert)
    t.ok(isSo, `${alert}: ${words}`)
  }
})

t.test('panels that entries send to are there', async (t) => {
  const titles = new Set(dashboards.flatMap(panelsOf).map(({ title }) => title))
  const named = [...entries.matchAll(/"([A-Z][^"]+)"/g)].map(([, name = '']) => name.replaceAll(/\s+/g, ' '))
  t.ok(named.length > 5, `${named.length} panels are named`)
  t.same(
    named.filter((name) => !titles.has(name)),
    [],
  )
})

/** As GitHub makes it of a heading without code or punctuation in it. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-')
}
