/** The configuration that the values give Alertmanager, under its own amtool. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import { ensurePackages } from '../../bootstrap/local/debian.ts'
import { run } from '../../bootstrap/local/run.ts'
import { labelsOf, ruleGroups } from './rules/rule-groups.ts'

interface Values {
  readonly alertmanager: {
    readonly alertmanagerSpec: { readonly secrets: readonly string[] }
    readonly config: { readonly global: Readonly<Record<string, unknown>> }
  }
}

const valuesFile = join(import.meta.dirname, '..', 'kube-prometheus-stack', 'values.yaml')
const { alertmanager } = parse(await readFile(valuesFile, 'utf8')) as Values

t.before(() => ensurePackages(['alertmanager']))

t.test('Alertmanager takes it', async (t) => {
  const { stdout } = await run('amtool', ['check-config', await configFile(t)])
  t.match(stdout, /SUCCESS/)
  t.match(stdout, / - 3 receivers/)
})

t.test('the password is read from a Secret that the chart mounts, and none stands in the values', async (t) => {
  const { smtp_auth_password_file: file, ...rest } = alertmanager.config.global
  const [secret = ''] = alertmanager.alertmanagerSpec.secrets
  t.equal(file, `/etc/alertmanager/secrets/${secret}/password`)
  t.notOk('smtp_auth_password' in rest)
})

t.test('what is critical is mailed at once, the rest in its time, and what always fires to nobody', async (t) => {
  const file = await configFile(t)
  const receiverOf = async (labels: Readonly<Record<string, string>>): Promise<string> => {
    const matchers = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
    return (await run('amtool', ['config', 'routes', 'test', `--config.file=${file}`, ...matchers])).stdout.trim()
  }
  for (const group of ruleGroups) {
    for (const rule of group.alerts) {
      const receiver = rule.severity === 'critical' ? 'mail-at-once' : 'mail'
      t.equal(await receiverOf({ alertname: rule.alert, ...labelsOf(rule, group) }), receiver, rule.alert)
    }
  }
  t.equal(await receiverOf({ alertname: 'Watchdog', severity: 'none' }), 'nobody')
})

async function configFile(t: Test): Promise<string> {
  const file = join(t.testdir(), 'alertmanager.yaml')
  await writeFile(file, stringify(alertmanager.config))
  return file
}
