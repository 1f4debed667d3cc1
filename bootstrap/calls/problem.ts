export interface ProblemText {
  readonly what: string
  readonly why: string
  readonly mend: string
}

/** Something that a person has to mend: what is wrong where, why, and what to do. */
export class Problem extends Error {
  override readonly name = 'Problem'

  constructor({ what, why, mend }: ProblemText, options?: ErrorOptions) {
    super(`${what}: ${why}\n  To mend: ${mend}`, options)
  }
}

/** Several of them, told at once, so that none is found only after another was mended. */
export class Problems extends Error {
  override readonly name = 'Problems'

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ message }) => message).join('\n'))
  }
}
