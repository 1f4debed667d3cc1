/** Pieces that queries are put together of. */

/** Both programs' jobs are named after `app.kubernetes.io/name`: see the monitors beside these sources. */
export const predictorJob = 'job="predictor"'
export const reconcilerJob = 'job="windlass"'

/** The operations that the service is for; probes and scrapes would hide what users see. */
export const priceRoutes = 'route=~"/predict|/quote"'

/** Prometheus 3 writes a whole bound with a fraction, older ones as the program does. */
export function bucketWithin(seconds: number): string {
  return Number.isInteger(seconds) ? `le=~"${seconds}([.]0)?"` : `le="${seconds}"`
}

/** One line, however the source is broken. */
export function oneLine(expr: string): string {
  return expr.replaceAll(/\s+/g, ' ').trim()
}
