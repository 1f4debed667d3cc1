import { readFile } from 'node:fs/promises'
import type { OnResolveArgs, Plugin } from 'esbuild'

/**
 * @kubernetes/client-node 2.0.1 does not say in its package.json that its modules do nothing when they are merely loaded
 * (but for one that mends Node 18), so that all of it, each model of the API included, would stay in memory with the
 * first import: 9 MiB.
 */
export const withoutUnused: Plugin = {
  name: 'without-unused-client-parts',
  setup(build) {
    build.onResolve({ filter: /^(@kubernetes\/client-node$|\.\.?\/)/ }, async (args: OnResolveArgs) => {
      const isOfClient = args.path === clientPackage || args.importer.includes(`/node_modules/${clientPackage}/dist/`)
      if (!isOfClient || args.pluginData === resolving) return undefined
      const { importer, kind, resolveDir, with: attributes } = args
      const options = { importer, kind, resolveDir, with: attributes, pluginData: resolving }
      const { path, external, namespace, suffix, errors, warnings } = await build.resolve(args.path, options)
      return { path, external, namespace, suffix, errors, warnings, sideEffects: false }
    })
  },
}

const clientPackage = '@kubernetes/client-node'
/** Keeps the plugin from its own question. */
const resolving = Symbol('resolving')

/**
 * V8 keeps a source in two bytes a character as soon as one of them is not of Latin-1. esbuild writes all such characters
 * as escapes, but for those in regular expressions.
 */
export const asciiOnly: Plugin = {
  name: 'ascii-only',
  setup(build) {
    build.onLoad({ filter: /\.[cm]?js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const contents = text.replaceAll(notAscii, escaped)
      // Where nothing is to be done, esbuild reads it better itself.
      return contents === text ? undefined : { contents }
    })
  },
}

// By code units: a pair of surrogates becomes a pair of escapes.
const notAscii = /[^\0-\x7f]/g

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
