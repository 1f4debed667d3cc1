import t from 'tap'
import { ConfigError, configKeys, readConfig } from './config.ts'

const least = {
  WINDLASS_REGISTRIES: 'contoso.azurecr.io',
  WINDLASS_POD_NAME: 'windlass-1',
  WINDLASS_POD_NAMESPACE: 'windlass-system',
  AZURE_CLIENT_ID: 'client',
  AZURE_TENANT_ID: 'tenant',
  AZURE_FEDERATED_TOKEN_FILE: '/var/run/secrets/azure/tokens/azure-identity-token',
}

t.test('the least environment gives a whole config', async (t) => {
  t.same(readConfig(least), {
    registries: ['contoso.azurecr.io'],
    host: '0.0.0.0',
    port: 8080,
    logLevel: 'info',
    podName: 'windlass-1',
    podNamespace: 'windlass-system',
    lease: {
      name: 'windlass',
      durationMs: 15_000,
      renewDeadlineMs: 10_000,
      renewIntervalMs: 4_000,
      retryPeriodMs: 2_000,
    },
    concurrency: 8,
    pollJitterMs: 1_000,
    identity: {
      clientId: 'client',
      tenantId: 'tenant',
      tokenFilePath: '/var/run/secrets/azure/tokens/azure-identity-token',
      authorityHost: 'https://login.microsoftonline.com/',
      disableInstanceDiscovery: false,
    },
  })
})

t.test('several registries are separated by commas', async (t) => {
  const { registries } = readConfig({ ...least, WINDLASS_REGISTRIES: 'a.azurecr.io, b.azurecr.io:443' })

  t.same(registries, ['a.azurecr.io', 'b.azurecr.io:443'])
})

t.test('every problem is told at once', async (t) => {
  const problems = problemsOf({ WINDLASS_PORT: 'http', WINDLASS_REGISTRY: 'x', WINDLASS_LOG_LEVEL: 'loud' })

  t.match(problems.join('\n'), /WINDLASS_REGISTRY is not known/)
  t.match(problems.join('\n'), /WINDLASS_REGISTRIES must be set/)
  t.match(problems.join('\n'), /WINDLASS_PORT must be an integer/)
  t.match(problems.join('\n'), /WINDLASS_LOG_LEVEL must be one of debug, info, warn, error/)
  t.match(problems.join('\n'), /AZURE_CLIENT_ID must be set/)
})

const wrong: Record<string, [env: Record<string, string>, problem: RegExp]> = {
  'a key that a Service of our name would inject': [{ WINDLASS_PORT_8080_TCP: 'tcp://1' }, /TCP is not known/],
  'a registry with a scheme': [{ WINDLASS_REGISTRIES: 'https://contoso.azurecr.io' }, /is none/],
  'a registry with a wildcard': [{ WINDLASS_REGISTRIES: '*.azurecr.io' }, /is none/],
  'a registry with a port that there is not': [{ WINDLASS_REGISTRIES: 'a.azurecr.io:99999' }, /is none/],
  'a registry with an empty label': [{ WINDLASS_REGISTRIES: 'a..azurecr.io' }, /is none/],
  'a lease that is asked for without a pause': [{ WINDLASS_LEASE_RETRY_PERIOD: '0s' }, /RETRY_PERIOD must be a second/],
  'a lease that is renewed without a pause': [{ WINDLASS_LEASE_RENEW_INTERVAL: '0s' }, /INTERVAL must be a second/],
  'an empty registry in the list': [{ WINDLASS_REGISTRIES: 'a.azurecr.io,' }, /is none/],
  'a blank value of a key that must be set': [{ WINDLASS_POD_NAME: ' ' }, /WINDLASS_POD_NAME must be set/],
  'a port above all ports': [{ WINDLASS_PORT: '65536' }, /from 1 to 65535/],
  'a concurrency of none': [{ WINDLASS_CONCURRENCY: '0' }, /from 1 to 256/],
  'a duration without a unit': [{ WINDLASS_POLL_JITTER: '10' }, /must be a duration/],
  'a boolean of another language': [{ WINDLASS_DISABLE_INSTANCE_DISCOVERY: 'yes' }, /must be true or false/],
  'an authority without TLS': [{ AZURE_AUTHORITY_HOST: 'http://login.example' }, /must be an https URL/],
  'a renew deadline as long as the lease': [{ WINDLASS_LEASE_RENEW_DEADLINE: '15s' }, /a second or more above/],
  'a retry period as long as the renew deadline': [
    { WINDLASS_LEASE_RETRY_PERIOD: '10s' },
    /RETRY_PERIOD must be below/,
  ],
  'a renew deadline no longer than the interval': [{ WINDLASS_LEASE_RENEW_INTERVAL: '10s' }, /second or more above/],
}
for (const [what, [env, problem]] of Object.entries(wrong)) {
  t.test(`${what} is a problem`, async (t) => t.match(problemsOf({ ...least, ...env }).join('\n'), problem))
}

t.test('what is not ours is not looked at', async (t) => {
  t.ok(readConfig({ ...least, PATH: '/bin', windlass_port: 'x', KUBERNETES_PORT: 'tcp://10.0.0.1' }))
})

t.test('the config can not be changed', async (t) => {
  t.throws(() => Object.assign(readConfig(least), { port: 1 }), TypeError)
})

t.test('no key is named twice', async (t) => t.equal(new Set(configKeys).size, configKeys.length))

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('there was no problem')
}
