import { readFile, rename, writeFile } from 'node:fs/promises'

/** The text of a file; undefined where there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** What a program of ours wrote as JSON; undefined where there is no such file. */
export async function readJsonIfThere<Stored>(path: string): Promise<Stored | undefined> {
  const text = await readIfThere(path)
  return text === undefined ? undefined : (JSON.parse(text) as Stored)
}

/** Writes a file by rename: whoever reads it, and a kill, finds all of it, or what was there before. */
export async function writeWhole(path: string, text: string, options: { readonly mode?: number } = {}): Promise<void> {
  await writeFile(`${path}.new`, text, options)
  await rename(`${path}.new`, path)
}
