import t from 'tap'
import { readInOrder } from '../manifest-files.ts'
import { checkout } from '../checkout.ts'
import { join } from 'node:path'
import { helmCall, ingressChart, kindParts } from './parts.ts'
import { pins } from './pins.ts'

t.test("Traefik's chart is of one version, its image of one digest, on the node's own port", async (t) => {
  const chart = ingressChart('172.18.0.2')
  t.equal(
    helmCall(chart, '/state/kubeconfig').args.join(' '),
    `upgrade --install traefik traefik --repo https://traefik.github.io/charts --version ${chart.version} ` +
      '--namespace ingress-local --create-namespace --values - --wait --timeout 5m --kubeconfig /state/kubeconfig',
  )
  t.match(JSON.parse(helmCall(chart, '/state/kubeconfig').input ?? ''), {
    image: { digest: pins.traefik.digest },
    ports: { web: { hostPort: 80 } },
    ingressClass: { enabled: true, isDefaultClass: true },
    providers: { kubernetesIngress: { ingressEndpoint: { ip: '172.18.0.2' } } },
  })
})

t.test("the predictor's NetworkPolicy, which kind's network enforces, lets its namespace in", async (t) => {
  const objects = await readInOrder(join(checkout, 'manifests', 'predictor', 'release'))
  const policy = objects.find(({ kind }) => kind === 'NetworkPolicy')
  t.match(JSON.stringify(policy), `"${ingressChart('172.18.0.2').namespace}"`)
})

t.test('Prometheus is pinned by its digest, and its program is where that image has it', async (t) => {
  t.match(await kindParts.prometheus(undefined as never, {}), {
    prometheus: /^docker\.io\/prom\/prometheus:v[\d.]+@sha256:[0-9a-f]{64}$/,
    program: '/bin/prometheus',
  })
})
