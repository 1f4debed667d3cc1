/**
 * What to type to run the same as root. By itself sudo would replace PATH, and Node.js or Go with it.
 * @param {string} command
 */
export function asRoot(command) {
  return `sudo env "PATH=$PATH" ${command}`
}

/**
 * A command as it was typed, to be typed again: npm takes what follows `--` alone, and a shell needs quotes.
 * @param {string | undefined} script The npm script, where one was run.
 * @param {string} task
 * @param {readonly string[]} args
 */
export function commandTyped(script, task, args) {
  if (script === undefined) return ['node bootstrap/launch.mjs', task, ...args.map(quoted)].join(' ')
  // test:unit has its tier from package.json.
  const typed = script.startsWith('test:') ? args.slice(1) : args
  return [`npm run ${script}`, ...(typed.length > 0 ? ['--'] : []), ...typed.map(quoted)].join(' ')
}

/**
 * An argument as a shell reads it.
 * @param {string} arg
 */
export function quoted(arg) {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`
}
