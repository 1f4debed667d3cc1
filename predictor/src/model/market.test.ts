import t from 'tap'
import { array, assert, constantFrom, integer, property } from 'fast-check'
import { catalogue, supportedSymbols } from './catalogue.ts'
import { confidence, createMarket, horizonSteps, stepMs } from './market.ts'

const seeds = integer({ min: 0, max: 0xffff_ffff })
const symbols = constantFrom(...supportedSymbols)
const times = integer({ min: 0, max: Date.parse('2100-01-01T00:00:00Z') })
const horizonMs = horizonSteps * stepMs

t.test('the interval always encloses a positive price near the catalogue', async (t) => {
  const claim = property(seeds, symbols, times, (seed, symbol, atMs) => {
    const { price: base = Number.NaN, volatility = Number.NaN } = catalogue.get(symbol) ?? {}
    const prediction = createMarket(seed, catalogue).predict(symbol, atMs)
    if (prediction === undefined) return false
    const { price, interval } = prediction
    return (
      interval.low > 0 &&
      interval.low < price &&
      price < interval.high &&
      interval.confidence === confidence &&
      Math.abs(Math.log(price / base)) < 8 * volatility
    )
  })
  t.doesNotThrow(() => assert(claim))
})

t.test('replicas with one seed agree within a second, whatever they were asked before', async (t) => {
  const claim = property(seeds, symbols, times, array(times, { maxLength: 3 }), (seed, symbol, atMs, before) => {
    const [fresh, used] = [createMarket(seed, catalogue), createMarket(seed, catalogue)]
    for (const earlierMs of before) used.predict(symbol, earlierMs)
    const secondMs = Math.floor(atMs / stepMs) * stepMs
    const answers = [fresh.predict(symbol, secondMs), used.predict(symbol, secondMs + stepMs - 1)]
    return JSON.stringify(answers[0]) === JSON.stringify(answers[1])
  })
  t.doesNotThrow(() => assert(claim))
})

t.test('another seed, symbol or minute gives another price', async (t) => {
  const at = Date.parse('2026-03-01T12:00:00Z')
  const price = (seed: number, symbol: string, atMs: number) =>
    createMarket(seed, catalogue).predict(symbol, atMs)?.price
  t.not(price(1, 'BTC', at), price(2, 'BTC', at))
  t.not(price(1, 'BTC', at), price(1, 'BTC', at + 60_000))
  const share = (symbol: string) => (price(1, symbol, at) ?? 0) / (catalogue.get(symbol)?.price ?? 1)
  t.not(share('BTC').toFixed(4), share('ETH').toFixed(4))
})

t.test('as many simulated prices end inside the interval as its confidence says', async (t) => {
  for (const symbol of supportedSymbols) {
    const market = createMarket(1, catalogue)
    const count = 4_000
    let inside = 0
    for (let index = 0; index < count; index += 1) {
      const atMs = Date.parse('2026-01-01T00:00:00Z') + index * (horizonMs + stepMs)
      const { low, high } = market.predict(symbol, atMs)?.interval ?? { low: 0, high: 0 }
      const level = market.level(symbol, atMs + horizonMs) ?? Number.NaN
      if (low <= level && level <= high) inside += 1
    }
    t.ok(Math.abs(inside / count - confidence) < 0.02, `${symbol}: ${inside} of ${count}`)
  }
})

t.test('the simulated price stays around the catalogue price with the stated volatility', async (t) => {
  for (const { symbol, price, volatility } of catalogue.values()) {
    const market = createMarket(3, catalogue)
    const logs = Array.from({ length: 3_000 }, (_, index) =>
      Math.log((market.level(symbol, index * 10 * horizonMs) ?? Number.NaN) / price),
    )
    const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length
    const deviation = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / logs.length)
    t.ok(Math.abs(mean) < 0.1 * volatility, `${symbol}: mean ${mean}`)
    t.ok(Math.abs(deviation / volatility - 1) < 0.1, `${symbol}: deviation ${deviation}, stated ${volatility}`)
  }
})

t.test('what is not in the catalogue has no price', async (t) => {
  const market = createMarket(1, catalogue)
  t.equal(market.predict('DOGE', 0), undefined)
  t.equal(market.level('btc', 0), undefined, 'symbols are upper case in here')
})
