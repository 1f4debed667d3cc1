import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { mostObjectBytes } from '../core/bundle-rules.ts'
import { canonicalJson } from '../core/canonical-json.ts'
import { AppError } from '../core/errors.ts'
import type { KubeObject } from './ports.ts'

/** A release as it is kept in the cluster. */
export interface ReleaseCopy {
  /** The same for the same objects. */
  readonly text: string
  /** That, gzipped, in base64. */
  readonly content: string
}

const compress = promisify(gzip)
const decompress = promisify(gunzip)
// A bundle has at most 512 KiB compressed; more than this is no release of ours.
const maxBytes = 64 * 1024 * 1024
/** Of the copy as it is stored: the rest of the object has room beside it. */
const mostContentBytes = mostObjectBytes - 64 * 1024

/**
 * What a bundle's aliases repeat is written out, and packs worse than the bundle: no limit of the bundle bounds it.
 * @throws {AppError} `BundleInvalid`, terminal, where it is too large to be kept.
 */
export async function packCopy(objects: readonly KubeObject[]): Promise<ReleaseCopy> {
  const text = canonicalJson(objects)
  const content = (await compress(text)).toString('base64')
  if (content.length > mostContentBytes) throw tooLarge(content.length)
  return { text, content }
}

/** The text of a copy; undefined where it is nothing that we wrote. */
export async function unpackCopy(content: string): Promise<string | undefined> {
  try {
    return (await decompress(Buffer.from(content, 'base64'), { maxOutputLength: maxBytes })).toString('utf8')
  } catch {
    return undefined
  }
}

function tooLarge(bytes: number): AppError {
  const message = `the copy that is kept of a release would have ${bytes} bytes, ${mostContentBytes} at most are taken: make the manifests smaller, with what their aliases repeat`
  return new AppError({ kind: 'terminal', reason: 'BundleInvalid', message })
}
