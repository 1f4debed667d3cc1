import { glob, readFile, stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'

/** Which files a tier has, by how their names end. */
const endings = { unit: '.test.ts', api: '.api.ts', e2e: '.e2e.ts' } as const

export type TierName = keyof typeof endings

export type ChosenFiles =
  | { readonly kind: 'chosen'; readonly files: readonly string[] }
  | { readonly kind: 'refused'; readonly problems: readonly string[] }

export function isTierName(name: string): name is TierName {
  return Object.hasOwn(endings, name)
}

/** All test files of a tier below a folder, by their paths from the root. */
export async function findTests(root: string, tier: TierName, folder = root): Promise<readonly string[]> {
  const found: string[] = []
  const isOutside = (name: string): boolean => /(^|\/)(node_modules|dist|\.git)$/.test(name)
  const pattern = join(folder, `**/*${endings[tier]}`)
  for await (const path of glob(pattern, { exclude: isOutside })) found.push(relative(root, path))
  return found.sort()
}

/**
 * Those that share the run's one platform, where each may count on having it alone, and those that bring up what they
 * need themselves; a part of which there is none is left out.
 */
export async function byPlatform(root: string, files: readonly string[]): Promise<ReadonlyArray<readonly string[]>> {
  const texts = await Promise.all(files.map((file) => readFile(join(root, file), 'utf8')))
  const shared = new Set(files.filter((_, n) => texts[n]?.includes('await sharedPlatform(')))
  return [files.filter((file) => shared.has(file)), files.filter((file) => !shared.has(file))].filter(
    ({ length }) => length > 0,
  )
}

/**
 * The files that a person named, folders by what of the tier is in them. A file of another tier is refused: it would
 * lack what its own brings up, and fail for that.
 */
export async function chooseTests(root: string, tier: TierName, named: readonly string[]): Promise<ChosenFiles> {
  const files: string[] = []
  const problems: string[] = []
  for (const name of named) {
    const path = resolve(root, name)
    const entry = await stat(path).catch(() => undefined)
    const own = tierOf(name)
    if (entry === undefined) problems.push(`There is no file ${name}.`)
    else if (entry.isDirectory()) files.push(...(await findTests(root, tier, path)))
    else if (own === tier) files.push(relative(root, path))
    else if (own === undefined) problems.push(`${name} is no test: a test of this tier ends in ${endings[tier]}.`)
    else problems.push(`${name} is of another tier: npm run test:${own} -- ${name}`)
  }
  if (problems.length > 0) return { kind: 'refused', problems }
  return files.length > 0 || named.length === 0
    ? { kind: 'chosen', files }
    : { kind: 'refused', problems: [`There is no *${endings[tier]} in ${named.join(', ')}.`] }
}

function tierOf(name: string): TierName | undefined {
  return (Object.keys(endings) as TierName[]).find((tier) => name.endsWith(endings[tier]))
}
