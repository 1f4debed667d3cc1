import { createRequire } from 'node:module'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

export interface OpenApiOptions {
  readonly revision: string
}

/** The contract as `/openapi.json`, made from the routes' own schemas, and Swagger UI for it at `/docs`. */
export const openApiPlugin = fp(async (app: FastifyInstance, { revision }: OpenApiOptions) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Predictor',
        version: revision,
        description:
          'Prices of a small catalogue. All of them are synthetic: quotes are fixed, predictions come from a seeded ' +
          'simulation, and nothing here says anything about a market.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'prices', description: 'What the service is for.' },
        { name: 'operation', description: 'What a cluster asks of it.' },
      ],
    },
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    baseDir: assetsDir(),
    // Where none is given the library reads its own from a folder that a bundle lacks; this layout shows none.
    logo: { type: 'image/svg+xml', content: '' },
    uiConfig: { layout: 'BaseLayout', docExpansion: 'list', tryItOutEnabled: true },
    staticCSP: {
      'default-src': ["'self'"],
      'img-src': ["'self'", 'data:'],
      'style-src': ["'self'", "'unsafe-inline'"],
      'object-src': ["'none'"],
      'frame-ancestors': ["'none'"],
    },
  })

  let document = ''
  app.addHook('onReady', (done) => {
    document = JSON.stringify(app.swagger())
    done()
  })
  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(document),
  )
})

/** Swagger UI's files: beside the bundle in an image, inside the package everywhere else. */
function assetsDir(): string {
  const beside = fileURLToPath(new URL('swagger-ui', import.meta.url))
  if (existsSync(beside)) return beside
  return join(dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui/package.json')), 'static')
}
