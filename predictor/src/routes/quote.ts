import { Type, type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { currency, source, type Catalogue } from '../model/catalogue.ts'
import type { PriceCounts } from '../price-counts.ts'
import {
  normalizeSymbol,
  originFields,
  symbolField,
  SymbolQuery,
  symbolResponses,
  unsupportedSymbol,
} from './symbol.ts'

export interface QuoteOptions {
  readonly catalogue: Catalogue
  readonly counts: PriceCounts
  readonly now: () => number
}

const Quote = Type.Object({
  ...symbolField,
  price: Type.Integer({ description: 'The catalogue price, in whole dollars.', examples: [58_007] }),
  ...originFields,
})

export const quoteRoutes: FastifyPluginCallbackTypebox<QuoteOptions> = (app, { catalogue, counts, now }, done) => {
  app.get(
    '/quote',
    {
      schema: {
        tags: ['prices'],
        summary: 'The catalogue price of a symbol',
        querystring: SymbolQuery,
        response: { 200: Quote, ...symbolResponses },
      },
    },
    (request) => {
      const symbol = normalizeSymbol(request.query.symbol)
      counts.asked('quote', symbol)
      const instrument = catalogue.get(symbol)
      if (instrument === undefined) throw unsupportedSymbol()
      return {
        symbol: instrument.symbol,
        price: instrument.price,
        currency,
        source,
        generated_at: new Date(now()).toISOString(),
      }
    },
  )
  done()
}
