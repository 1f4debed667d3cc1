import { Type } from '@fastify/type-provider-typebox'
import { ApiError, symbolErrors, commonErrors } from '../errors.ts'
import { currency, source, supportedSymbols } from '../model/catalogue.ts'

/** What the operations on a symbol share of their contract. */
export const SymbolQuery = Type.Object({
  symbol: Type.String({
    description: 'In upper or lower case.',
    pattern: '^[A-Za-z0-9.-]{1,16}$',
    examples: ['BTC'],
  }),
})

export const symbolField = { symbol: Type.String({ description: 'In upper case.', examples: ['BTC'] }) }

export const originFields = {
  currency: Type.Literal(currency),
  source: Type.Literal(source, { description: 'No price here comes from a market.' }),
  generated_at: Type.String({ format: 'date-time', description: 'ISO 8601, in UTC.' }),
}

export const symbolResponses = { ...commonErrors, ...symbolErrors } as const

export function normalizeSymbol(symbol: string): string {
  return symbol.toUpperCase()
}

export function unsupportedSymbol(): ApiError {
  return new ApiError('unsupported_symbol', { supported_symbols: supportedSymbols })
}
