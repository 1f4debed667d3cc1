import { Counter, type Registry } from 'prom-client'
import type { Catalogue } from './model/catalogue.ts'

export const priceOperations = ['quote', 'predict'] as const
export type PriceOperation = (typeof priceOperations)[number]

/** All symbols that are not in the catalogue: what clients write is no label. */
export const otherSymbols = 'unsupported'

/** Counts what is asked for by symbol. */
export interface PriceCounts {
  asked(operation: PriceOperation, symbol: string): void
}

/** Every series is there from the start, at zero: their number is that of the catalogue. */
export function createPriceCounts(registry: Registry, catalogue: Catalogue): PriceCounts {
  const asked = new Counter({
    name: 'predictor_prices_total',
    help: 'Prices that were asked for, by operation and symbol.',
    labelNames: ['operation', 'symbol'],
    registers: [registry],
  })
  // A child that is looked up here costs the request nothing but its increment.
  const children = priceOperations.map((operation) => {
    const symbols = [...catalogue.keys(), otherSymbols]
    for (const symbol of symbols) asked.inc({ operation, symbol }, 0)
    return [operation, new Map(symbols.map((symbol) => [symbol, asked.labels({ operation, symbol })]))] as const
  })
  const byOperation = new Map(children)
  return {
    asked(operation, symbol) {
      const bySymbol = byOperation.get(operation)
      const child = bySymbol?.get(symbol) ?? bySymbol?.get(otherSymbols)
      child?.inc()
    },
  }
}
