/**
 * A budget for the requests to one registry, as arithmetic over given times (milliseconds of any one monotonic clock).
 * ACR limits requests by tier, the pulls of the nodes included, and answers 429 with Retry-After beyond that:
 * https://learn.microsoft.com/azure/container-registry/container-registry-skus
 *
 * Kept as one time, that at which all that was granted would have gone out at the even rate (the generic cell rate
 * algorithm, ITU-T I.371): a burst lets it run ahead of the clock, a pause moves it.
 */
export interface BudgetLimits {
  readonly perMinute: number
  /** How many requests may go at once after a quiet time. */
  readonly burst: number
}

export interface RequestBudget {
  readonly spentUntilMs: number
}

export type Spend =
  { readonly kind: 'granted'; readonly budget: RequestBudget } | { readonly kind: 'wait'; readonly waitMs: number }

export const fullBudget: RequestBudget = { spentUntilMs: Number.NEGATIVE_INFINITY }

/** Takes one request out of the budget, or tells how long until there is one. */
export function spend({ spentUntilMs }: RequestBudget, limits: BudgetLimits, nowMs: number): Spend {
  const waitMs = Math.ceil(spentUntilMs - nowMs - leadMs(limits))
  if (waitMs > 0) return { kind: 'wait', waitMs }
  return { kind: 'granted', budget: { spentUntilMs: Math.max(spentUntilMs, nowMs) + intervalMs(limits) } }
}

/**
 * Nothing more goes out until then, and from then on one by one: a full budget after a pause would let all who waited
 * go at once, which is what was asked to end. A pause never shortens another.
 */
export function pauseUntil({ spentUntilMs }: RequestBudget, limits: BudgetLimits, untilMs: number): RequestBudget {
  return { spentUntilMs: Math.max(spentUntilMs, untilMs + leadMs(limits)) }
}

function intervalMs({ perMinute }: BudgetLimits): number {
  return 60_000 / perMinute
}

/** How far ahead of the even rate a burst may run. */
function leadMs(limits: BudgetLimits): number {
  return (limits.burst - 1) * intervalMs(limits)
}
