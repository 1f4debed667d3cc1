/** What can be asked for. Prices are fixed: nothing here comes from a market. */
export interface Instrument {
  readonly symbol: string
  /** Whole US dollars. */
  readonly price: number
  /** Standard deviation of the simulated log price around the catalogue price; see market.ts. */
  readonly volatility: number
}

export type Catalogue = ReadonlyMap<string, Instrument>

export const currency = 'USD' as const
/** Says in every answer that its numbers are made up. */
export const source = 'synthetic' as const

export const catalogue: Catalogue = new Map(
  [
    { symbol: 'AAPL', price: 193, volatility: 0.008 },
    { symbol: 'BTC', price: 58_007, volatility: 0.02 },
    { symbol: 'ETH', price: 3_198, volatility: 0.025 },
    { symbol: 'SOL', price: 141, volatility: 0.035 },
  ].map((instrument) => [instrument.symbol, instrument]),
)

/** Sorted, as clients are told. */
export const supportedSymbols: readonly string[] = [...catalogue.keys()].sort()
