import type { Catalogue, Instrument } from './catalogue.ts'
import { normalSeries, type Draw } from './random.ts'

/**
 * The simulation behind `/predict`. It is made up, and says so (`source: "synthetic"`); what is true is that its
 * intervals are right about it.
 *
 * The logarithm of each price, taken relative to the catalogue price, is a random walk that is pulled back to 0 (a
 * stationary AR(1) process, the discrete form of Ornstein–Uhlenbeck), one step a second:
 *
 *     x[k] = φ·x[k−1] + v·√(1−φ²)·ε[k]      φ = 2^(−1/60), half of a deviation is gone after a minute
 *                                           v = the instrument's volatility, the standard deviation of x
 *                                           ε = standard normal, a function of seed, symbol and k
 *
 * A prediction looks `horizonSteps` ahead. Given x[k], x[k+h] is normal with mean φ^h·x[k] and standard deviation
 * v·√(1−φ^2h), so the predicted price is the median of that distribution, and the interval its central 90 %.
 *
 * Being a function of seed, symbol and time, it is the same in every replica that has the same seed and clock.
 */
export interface Market {
  predict(symbol: string, atMs: number): Prediction | undefined
  /** The simulated price itself, unrounded: what predictions made a horizon earlier were about. */
  level(symbol: string, atMs: number): number | undefined
}

/** Prices in US dollars, to the cent; `low` is rounded down and `high` up, so that they always enclose `price`. */
export interface Prediction {
  readonly price: number
  readonly interval: Interval
}

export interface Interval {
  readonly low: number
  readonly high: number
  /** Share of cases in which the simulated price lies inside, a horizon later. */
  readonly confidence: number
}

export const stepMs = 1_000
export const horizonSteps = 60
export const confidence = 0.9

export function createMarket(seed: number, catalogue: Catalogue): Market {
  const walks = new Map([...catalogue.values()].map((instrument) => [instrument.symbol, createWalk(seed, instrument)]))
  return {
    predict: (symbol, atMs) => walks.get(symbol)?.predictionAt(stepOf(atMs)),
    level: (symbol, atMs) => walks.get(symbol)?.levelAt(stepOf(atMs)),
  }
}

const pull = 2 ** (-1 / 60)
/** How far back steps are summed: what came before weighs less than a millionth. */
const memorySteps = Math.ceil(Math.log(1e-6) / Math.log(pull))
/** The 95th percentile of the standard normal distribution: 90 % lie between it and its negative. */
const z = 1.6448536269514722
const pullOverHorizon = pull ** horizonSteps

interface Walk {
  levelAt(step: number): number
  predictionAt(step: number): Prediction
}

function createWalk(seed: number, { symbol, price, volatility }: Instrument): Walk {
  const draw = normalSeries(seed, symbol)
  const shock = volatility * Math.sqrt(1 - pull ** 2)
  const spread = Math.exp(z * volatility * Math.sqrt(1 - pullOverHorizon ** 2))
  const predict = (step: number): Prediction => {
    const median = price * Math.exp(pullOverHorizon * shock * deviation(draw, step))
    const [low, high] = [Math.floor((median / spread) * 100) / 100, Math.ceil(median * spread * 100) / 100]
    return { price: Math.round(median * 100) / 100, interval: { low, high, confidence } }
  }
  // Within a step every answer is the same, and most requests of a second ask for that one.
  let last = { step: Number.NaN, prediction: predict(0) }
  return {
    levelAt: (step) => price * Math.exp(shock * deviation(draw, step)),
    predictionAt: (step) => {
      if (last.step !== step) last = { step, prediction: predict(step) }
      return last.prediction
    },
  }
}

/** x[k] in units of the shock, by Horner's rule from the oldest step that still counts. */
function deviation(draw: Draw, step: number): number {
  let sum = 0
  for (let index = step - memorySteps; index <= step; index += 1) sum = sum * pull + draw(index)
  return sum
}

function stepOf(atMs: number): number {
  return Math.floor(atMs / stepMs)
}
