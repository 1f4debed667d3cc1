/** All that is wrong with what a command was asked, or with what it was to be done to; nothing was changed. */
export class CommandRefused extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'CommandRefused'
    this.problems = problems
  }
}
