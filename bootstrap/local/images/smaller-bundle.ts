import { readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import type { Plugin } from 'esbuild'

/**
 * @kubernetes/client-node 2.0.1 does not say in its package.json that its modules do nothing when they are merely loaded
 * (but for one that mends Node 18), so that all of it, each model of the API included, would stay in memory with the
 * first import: 9 MiB.
 */
export const withoutUnused: Plugin = {
  name: 'without-unused-client-parts',
  setup(build) {
    build.onResolve({ filter: /^@kubernetes\/client-node$/ }, async ({ path, pluginData, ...args }) => {
      if (pluginData === resolving) return undefined
      const { importer, kind, resolveDir, with: attributes } = args
      const options = { importer, kind, resolveDir, with: attributes, pluginData: resolving }
      return { path: (await build.resolve(path, options)).path, sideEffects: false }
    })
    // Its own modules name each other by file, so that nothing need be looked for: to ask esbuild costs milliseconds each.
    build.onResolve({ filter: /^\.\.?\/.*\.js$/ }, ({ path, importer, resolveDir }) =>
      importer.includes(ownModules) ? { path: join(resolveDir, path), sideEffects: false } : undefined,
    )
  },
}

/**
 * Node makes a namespace of all that a built-in module exports when it is imported, and reads what else would be made on
 * first use: of node:http a whole HTTP client. `require` reads nothing: some 100 ms of processor time at the start, and
 * 2 MiB.
 */
export const builtinsRequired: Plugin = {
  name: 'builtins-required',
  setup(build) {
    const namespace = 'required-builtin'
    build.onResolve({ filter: /^[a-z_:/]+$/ }, ({ path, kind }) =>
      kind === 'import-statement' && isBuiltin(path) ? { path, namespace } : undefined,
    )
    build.onLoad({ filter: /^/, namespace }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
    }))
  },
}

const ownModules = '/node_modules/@kubernetes/client-node/dist/'
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
