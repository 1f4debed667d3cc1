/** What Markdown pages say, as far as it can be held against the code. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Page {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
}

/** Every Markdown file that a reader may come to. */
export function readPages(root: string): readonly Page[] {
  const paths = globSync('**/*.md', { cwd: root, exclude: ['**/node_modules', '**/dist', '**/.*'] })
  return paths.sort().map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

/** Throws where there is none. */
export function pageAt(pages: readonly Page[], path: string): Page {
  const found = pages.find((page) => page.path === path)
  if (found === undefined) throw new Error(`${path} is not there`)
  return found
}

/** Throws where the page has no such section. */
export function sectionOn({ path, text }: Page, heading: string): string {
  const found = sectionOf(text, heading)
  if (found === undefined) throw new Error(`${path} has no heading "${heading}"`)
  return found
}

/** What stands below a heading, up to the next of its level or above; undefined where there is no such heading. */
export function sectionOf(markdown: string, heading: string): string | undefined {
  const lines = markdown.split('\n')
  const headings = withoutCodeBlocks(lines).map(headingOf)
  const start = headings.findIndex((found) => found?.title === heading)
  const level = headings[start]?.level
  if (level === undefined) return undefined
  const end = headings.findIndex((found, index) => index > start && found !== undefined && found.level <= level)
  return lines.slice(start + 1, end < 0 ? undefined : end).join('\n')
}

export interface Heading {
  readonly level: number
  readonly title: string
}

export function headingsOf(markdown: string): readonly Heading[] {
  return withoutCodeBlocks(markdown.split('\n')).flatMap((line) => headingOf(line) ?? [])
}

/** The paragraph that a section begins with, on one line. */
export function firstParagraphOf(section: string): string {
  const [paragraph = ''] = section.trim().split(/\n\s*\n/, 1)
  return paragraph.replaceAll(/\s+/g, ' ')
}

/** The rows of all tables, cell by cell, without their heads. */
export function tableRows(markdown: string): ReadonlyArray<readonly string[]> {
  const lines = withoutCodeBlocks(markdown.split('\n'))
  return lines.flatMap((line, index) => {
    const isRule = /^\s*\|[\s|:-]+\|$/.test(line)
    const isHead = /^\s*\|[\s|:-]+\|$/.test(lines[index + 1] ?? '')
    if (!line.trimStart().startsWith('|') || isRule || isHead) return []
    return [cellsOf(line)]
  })
}

/** What the first cell of each row names. */
export function firstCells(markdown: string): readonly string[] {
  return tableRows(markdown).map(([cell = '']) => unquoted(cell))
}

export function unquoted(cell: string): string {
  return cell.replaceAll('`', '')
}

/** What stands between backticks. */
export function codeSpans(markdown: string): readonly string[] {
  const prose = withoutCodeBlocks(markdown.split('\n')).join('\n')
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span)
}

/** The code blocks of a language. */
export function codeBlocks(markdown: string, language: string): readonly string[] {
  const blocks = markdown.matchAll(/^(?<indent> *)```(?<language>\S*)\n(?<code>[\s\S]*?)^\k<indent>```$/gm)
  return [...blocks]
    .filter(({ groups }) => groups?.['language'] === language)
    .map(({ groups: { indent = '', code = '' } = {} }) => code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
}

export interface StrayName {
  readonly path: string
  readonly name: string
}

/** Names of a form that stand anywhere on the pages and are none of those that are known. */
export function strayNames(pages: readonly Page[], form: RegExp, known: ReadonlySet<string>): readonly StrayName[] {
  return pages.flatMap(({ path, text }) =>
    [...new Set([...text.matchAll(form)].map(([name]) => name))]
      .filter((name) => !known.has(name))
      .map((name) => ({ path, name })),
  )
}

function headingOf(line: string): Heading | undefined {
  const { marks, title } = /^(?<marks>#{1,6}) (?<title>.+)$/.exec(line)?.groups ?? {}
  return marks === undefined || title === undefined ? undefined : { level: marks.length, title: title.trim() }
}

/** A bar within a cell is written with a backslash before it. */
function cellsOf(line: string): readonly string[] {
  return line
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll(String.raw`\|`, '|'))
}

/** The same number of lines, those of code blocks empty: a comment in a script is no heading. */
function withoutCodeBlocks(lines: readonly string[]): readonly string[] {
  let isCode = false
  return lines.map((line) => {
    const isFence = /^ *```/.test(line)
    if (isFence) isCode = !isCode
    return isCode || isFence ? '' : line
  })
}
