import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, dirname, isAbsolute } from 'node:path'
import { asRoot } from './as-root.mjs'

const oldestNode = [20, 0]
const oldestGo = [1, 26]
/** The second is where go.dev's archive goes; sudo drops it from PATH. */
const placesOfGo = ['go', '/usr/local/go/bin/go']

/**
 * What a machine lacks for a task, in words for a person, and the PATH on which it has what it needs.
 * @param {readonly import('./tasks.mjs').Need[]} needs
 * @param {string} command What was typed, to be typed again as root.
 * @returns {{ readonly problems: readonly string[], readonly path: string }}
 */
export function examine(needs, command) {
  const path = process.env['PATH'] ?? ''
  const problems = [...problemsOfNpm()]
  if (!needs.includes('go')) return { problems: [...problems, ...problemsOfRoot(needs, command)], path }

  if (firstLine('git', ['--version']) === undefined) problems.push('git was not found on PATH; releases are commits.')
  const go = findGo()
  problems.push(...go.problems, ...problemsOfRoot(needs, command))
  return { problems, path: go.folder === undefined ? path : [go.folder, path].join(delimiter) }
}

function problemsOfNpm() {
  const found = []
  if (process.platform !== 'linux')
    found.push(`Linux is needed; this is ${process.platform}. Use a Linux machine or VM.`)
  if (!['x64', 'arm64'].includes(process.arch)) found.push(`x64 or arm64 is needed; this is ${process.arch}.`)
  if (isOlder(process.versions.node, oldestNode)) {
    found.push(`Node.js ${oldestNode[0]} or newer is needed; this is ${process.versions.node}. See https://nodejs.org.`)
  }
  if (firstLine('npm', ['--version']) === undefined) found.push('npm was not found on PATH. It comes with Node.js.')
  if (firstLine('flock', ['--version']) === undefined) found.push('flock was not found on PATH. It is of util-linux.')
  return found
}

/** @returns {{ readonly problems: readonly string[], readonly folder?: string }} */
function findGo() {
  const wanted = `Go ${oldestGo.join('.')} or newer`
  const found = placesOfGo.map((place) => ({ place, version: firstLine(place, ['env', 'GOVERSION']) }))
  const newEnough = found.find(({ version }) => version && !isOlder(version.replace(/^go/, ''), oldestGo))
  if (newEnough) return { problems: [], ...(isAbsolute(newEnough.place) && { folder: dirname(newEnough.place) }) }
  const versions = found.flatMap(({ version }) => version ?? [])
  const has = versions.length > 0 ? `this is ${versions.join(' and ')}` : `none is on PATH or in ${placesOfGo[1]}`
  return { problems: [`${wanted} is needed, to build programs from source; ${has}. See https://go.dev/dl.`] }
}

/**
 * @param {readonly import('./tasks.mjs').Need[]} needs
 * @param {string} command
 */
function problemsOfRoot(needs, command) {
  if (!needs.includes('root')) return []
  const found = []
  if (process.getuid?.() !== 0) {
    found.push(`root is needed, to run a real node in namespaces of its own; type: ${asRoot(command)}`)
  }
  if (!existsSync('/usr/bin/dpkg-query')) {
    found.push('Debian 12 or a relative of it is needed: the node and the images are made with its packages.')
  }
  return found
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function firstLine(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8' })
  return result.status === 0 ? result.stdout.split('\n')[0]?.trim() : undefined
}

/**
 * @param {string} version
 * @param {readonly number[]} wanted
 */
function isOlder(version, [major = 0, minor = 0]) {
  const [haveMajor = 0, haveMinor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return haveMajor < major || (haveMajor === major && haveMinor < minor)
}
