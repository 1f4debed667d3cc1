import { join } from 'node:path'
import type { ClusterFacts } from './backend.ts'
import { readJsonIfThere, writeWhole } from './files.ts'

const fileOf = (stateDir: string): string => join(stateDir, 'cluster.json')

/** What is written of the cluster of that state directory; undefined where none was whole yet. */
export function readFacts<Facts extends ClusterFacts>(stateDir: string): Promise<Facts | undefined> {
  return readJsonIfThere<Facts>(fileOf(stateDir))
}

/** Its being there says that the cluster was whole once. */
export function writeFacts(facts: ClusterFacts): Promise<void> {
  return writeWhole(fileOf(facts.stateDir), `${JSON.stringify(facts, undefined, 2)}\n`, { mode: 0o600 })
}
