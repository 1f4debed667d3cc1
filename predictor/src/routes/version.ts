import { Type, type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { commonErrors } from '../errors.ts'

export interface VersionOptions {
  readonly revision: string
}

const Version = Type.Object({
  revision: Type.String({ description: 'The commit that this was built from, or "unknown".' }),
})

export const versionRoutes: FastifyPluginCallbackTypebox<VersionOptions> = (app, { revision }, done) => {
  app.get(
    '/version',
    { schema: { tags: ['operation'], summary: 'Which release this is', response: { 200: Version, ...commonErrors } } },
    () => ({ revision }),
  )
  done()
}
