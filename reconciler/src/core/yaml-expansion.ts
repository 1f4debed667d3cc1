import { isAlias, isMap, isPair, isScalar, isSeq, type Document } from 'yaml'

/**
 * What a document becomes once each alias stands for its anchor, and each merge key for the mapping that it names: a
 * few kilobytes of YAML can stand for gigabytes. It is counted before it is built, each node once.
 */
export interface Expansion extends Extent {
  readonly aliases: number
}

interface Extent {
  /** About the length of its JSON; infinite where an anchor holds itself. */
  readonly length: number
  /** Collections within collections. */
  readonly depth: number
}

/** Quotes or brackets, and the comma or colon behind them. */
const around = 3
const nothing: Extent = { length: 0, depth: 0 }
const endless: Extent = { length: Number.POSITIVE_INFINITY, depth: Number.POSITIVE_INFINITY }

export function expansionOf({ contents }: Pick<Document, 'contents'>): Expansion {
  /** Of the anchors met so far: an alias stands for the last one before it. */
  const anchors = new Map<string, Extent>()
  let aliases = 0

  function extentOf(node: unknown): Extent {
    if (isAlias(node)) {
      aliases += 1
      return anchors.get(node.source) ?? nothing
    }
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return nothing
    const { anchor } = node
    if (anchor !== undefined) anchors.set(anchor, endless)
    const extent = isScalar(node) ? { length: String(node.value).length + around, depth: 0 } : extentOfAll(node.items)
    if (anchor !== undefined) anchors.set(anchor, extent)
    return extent
  }

  function extentOfAll(items: readonly unknown[]): Extent {
    const parts = items.flatMap((item) =>
      isPair(item) ? [extentOf(item.key), extentOf(item.value)] : [extentOf(item)],
    )
    let { length, depth } = { length: around, depth: 0 }
    for (const part of parts) {
      length += part.length
      depth = Math.max(depth, part.depth)
    }
    return { length, depth: depth + 1 }
  }

  return { ...extentOf(contents), aliases }
}
