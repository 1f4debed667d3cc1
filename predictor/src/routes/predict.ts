import { Type, type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { bodyErrors } from '../errors.ts'
import { currency, source } from '../model/catalogue.ts'
import type { Market } from '../model/market.ts'
import type { PriceCounts } from '../price-counts.ts'
import {
  normalizeSymbol,
  originFields,
  symbolField,
  SymbolQuery,
  symbolResponses,
  unsupportedSymbol,
} from './symbol.ts'

export interface PredictOptions {
  readonly market: Market
  readonly counts: PriceCounts
  readonly now: () => number
}

const Prediction = Type.Object({
  ...symbolField,
  price: Type.Number({ description: 'The median of where the simulated price will be in a minute, to the cent.' }),
  ...originFields,
  interval: Type.Object(
    {
      low: Type.Number(),
      high: Type.Number(),
      confidence: Type.Number({ description: 'Share of cases in which the simulated price ends inside.' }),
    },
    { description: 'Around the price, in the same currency.' },
  ),
})

export const predictRoutes: FastifyPluginCallbackTypebox<PredictOptions> = (app, { market, counts, now }, done) => {
  app.post(
    '/predict',
    {
      schema: {
        tags: ['prices'],
        summary: 'Where the simulated price of a symbol will be in a minute',
        description: 'Replicas with the same seed give the same answer within the same second.',
        querystring: SymbolQuery,
        response: { 200: Prediction, ...symbolResponses, ...bodyErrors },
      },
    },
    (request) => {
      const symbol = normalizeSymbol(request.query.symbol)
      counts.asked('predict', symbol)
      const atMs = now()
      const prediction = market.predict(symbol, atMs)
      if (prediction === undefined) throw unsupportedSymbol()
      return {
        symbol,
        price: prediction.price,
        currency,
        source,
        generated_at: new Date(atMs).toISOString(),
        interval: prediction.interval,
      }
    },
  )
  done()
}
