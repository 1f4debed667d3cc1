import { AcrError } from '../errors.ts'

const defaultLength = 100
const greatestLength = 1_000

/** The query of a list: `n`, `last` and `orderby` (https://learn.microsoft.com/rest/api/containerregistry/). */
export interface PageQuery {
  readonly length: number
  /** The last item of the page before. */
  readonly last: string | undefined
  /** As it was sent, for it comes back in the link to the next page. */
  readonly orderBy: string
  readonly order: 'name' | 'timedesc' | 'timeasc'
}

export interface Page<Item> {
  readonly items: readonly Item[]
  /** Whether there is at least one more. */
  readonly more: boolean
}

export function parsePageQuery(query: URLSearchParams): PageQuery {
  const orderBy = query.get('orderby') ?? ''
  return {
    length: parseLength(query.get('n')),
    last: query.get('last') || undefined,
    orderBy,
    order: parseOrder(orderBy),
  }
}

/** Takes a page off the front; reads one item more than it returns, so that the last page has no link. */
export function takePage<Item>(items: Iterable<Item>, length: number, isListed: (item: Item) => boolean): Page<Item> {
  const taken: Item[] = []
  for (const item of items) {
    if (!isListed(item)) continue
    if (taken.length === length) return { items: taken, more: true }
    taken.push(item)
  }
  return { items: taken, more: false }
}

/** The Link header to the next page, relative and with its parts in ACR's order; none after the last page. */
export function nextLink(
  path: string,
  { length, orderBy }: PageQuery,
  page: Page<unknown>,
  last: string | undefined,
  filters: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  if (!page.more || last === undefined) return {}
  const query = new URLSearchParams({ ...filters, last, n: String(length), orderby: orderBy })
  return { link: `<${path}?${query.toString()}>; rel="next"` }
}

function parseLength(n: string | null): number {
  if (n === null || n === '') return defaultLength
  if (!/^[1-9]\d{0,5}$/.test(n)) {
    throw new AcrError(400, 'PAGINATION_NUMBER_INVALID', 'invalid number of results requested', { detail: { n } })
  }
  return Math.min(Number(n), greatestLength)
}

function parseOrder(orderBy: string): PageQuery['order'] {
  if (orderBy === '' || orderBy === 'none') return 'name'
  if (orderBy === 'timedesc' || orderBy === 'timeasc') return orderBy
  throw new AcrError(400, 'UNSUPPORTED', `orderby takes none, timedesc or timeasc, not ${orderBy}`)
}
