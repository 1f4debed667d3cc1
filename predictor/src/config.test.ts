import { readFile } from 'node:fs/promises'
import t from 'tap'
import { ConfigError, keys, readConfig } from './config.ts'

t.test('an empty environment is a whole configuration', async (t) => {
  t.match(readConfig({}), { port: 8080, host: '0.0.0.0', logLevel: 'info', revision: 'unknown' })
  t.same(readConfig({ PORT: '', PREDICTOR_SEED: '' }), readConfig({}), 'an empty value counts as unset')
})

t.test('every key reaches the configuration', async (t) => {
  t.same(
    readConfig({
      PORT: '0',
      HOST: '::1',
      LOG_LEVEL: 'debug',
      REVISION: '0123456789abcdef0123456789abcdef01234567',
      PREDICTOR_SEED: '7',
      PREDICTOR_DRAIN_MS: '1',
      PREDICTOR_CLOSE_TIMEOUT_MS: '2',
      PREDICTOR_MAX_EVENT_LOOP_DELAY_MS: '3',
    }),
    {
      port: 0,
      host: '::1',
      logLevel: 'debug',
      revision: '0123456789abcdef0123456789abcdef01234567',
      seed: 7,
      drainMs: 1,
      closeTimeoutMs: 2,
      maxEventLoopDelayMs: 3,
    },
  )
})

t.test('what is not exactly right is refused', async (t) => {
  const refused: Readonly<Record<keyof typeof keys, readonly string[]>> = {
    PORT: ['65536', '-1', '80.5', '0x50', ' 80', '8e3', 'http', 'true'],
    HOST: ['a b', 'http://localhost'],
    LOG_LEVEL: ['loud', 'INFO'],
    REVISION: ['a b', 'x'.repeat(65)],
    PREDICTOR_SEED: ['4294967296', '1.0'],
    PREDICTOR_DRAIN_MS: ['600001', '5s'],
    PREDICTOR_CLOSE_TIMEOUT_MS: ['0'],
    PREDICTOR_MAX_EVENT_LOOP_DELAY_MS: ['60001'],
  }
  for (const [key, values] of Object.entries(refused)) {
    for (const value of values) {
      t.throws(
        () => readConfig({ [key]: value }),
        { name: 'ConfigError', problems: [new RegExp(`^${key} is `)] },
        value,
      )
    }
  }
})

t.test('all problems are told at once, each with what is expected', async (t) => {
  try {
    readConfig({ PORT: 'x', LOG_LEVEL: 'loud', PREDICTOR_SED: '1', PREDICTOR_SERVICE_HOST: '10.96.0.9' })
    t.fail('the configuration was taken')
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    t.equal(error.problems.length, 4)
    t.match(error.message, 'PREDICTOR_SED is not known')
    t.match(error.message, 'PREDICTOR_SERVICE_HOST is not known')
    t.match(error.message, 'PORT is "x", but must be a whole number from 0 to 65535.')
    t.match(error.message, 'LOG_LEVEL is "loud", but must be one of trace, debug, info')
  }
})

t.test('the README names every key with its default, and no other', async (t) => {
  const text = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `([A-Z_]+)` +\| (\S+) +\|/gm)].map(([, key, value]) => [key, value])
  t.same(
    rows,
    Object.entries(keys).map(([name, key]) => [name, String(key.default)]),
  )
})
