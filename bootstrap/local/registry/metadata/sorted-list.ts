/** Items in an order, found and placed in O(log n). No two of them may compare as equal. */
export class SortedList<Item> {
  readonly #compare: (a: Item, b: Item) => number
  readonly #items: Item[] = []

  constructor(compare: (a: Item, b: Item) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#items.length
  }

  insert(item: Item): void {
    this.#items.splice(this.#lowerBound(item), 0, item)
  }

  /** Does nothing where no item compares as equal. */
  remove(item: Item): void {
    const index = this.#lowerBound(item)
    const found = this.#items[index]
    if (found !== undefined && this.#compare(found, item) === 0) this.#items.splice(index, 1)
  }

  /** Those after an item, which itself need not be in the list; all of them without one. */
  *ascending(after?: Item): Generator<Item> {
    let index = after === undefined ? 0 : this.#lowerBound(after)
    const first = this.#items[index]
    if (after !== undefined && first !== undefined && this.#compare(first, after) === 0) index += 1
    for (; index < this.#items.length; index += 1) yield this.#items[index] as Item
  }

  /** Those before an item, the nearest first; all of them, the last first, without one. */
  *descending(before?: Item): Generator<Item> {
    let index = before === undefined ? this.#items.length : this.#lowerBound(before)
    while (index > 0) {
      index -= 1
      yield this.#items[index] as Item
    }
  }

  /** Index of the first item that does not come before the given one. */
  #lowerBound(item: Item): number {
    let low = 0
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(this.#items[middle] as Item, item) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
