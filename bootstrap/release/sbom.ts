import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Commit } from './commit.ts'
import type { ReleasableName } from './releasable.ts'

/** As much of SPDX as is needed here; https://spdx.github.io/spdx-spec/v2.3 */
export interface Sbom {
  readonly spdxVersion: 'SPDX-2.3'
  readonly dataLicense: 'CC0-1.0'
  readonly SPDXID: 'SPDXRef-DOCUMENT'
  readonly name: string
  readonly documentNamespace: string
  readonly creationInfo: { readonly created: string; readonly creators: readonly string[] }
  readonly packages: readonly SbomPackage[]
  readonly relationships: readonly SbomRelationship[]
}

interface SbomPackage {
  readonly name: string
  readonly SPDXID: string
  readonly versionInfo: string
  readonly downloadLocation: 'NOASSERTION'
  readonly filesAnalyzed: false
  readonly licenseDeclared: string
  readonly externalRefs: readonly object[]
}

interface SbomRelationship {
  readonly spdxElementId: string
  readonly relatedSpdxElement: string
  readonly relationshipType: 'DESCRIBES' | 'CONTAINS'
}

interface Contained {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly purl: string
}

/**
 * What is in a program's image: the packages of which a part is in its bundle, by the notices that lie beside it in the
 * image, and Node.js. All but its base, which a scanner reads from the image itself. The same commit gives the same.
 */
export async function makeSbom(context: string, name: ReleasableName, { sha, created }: Commit): Promise<Sbom> {
  const notices = await readFile(join(context, 'app', 'THIRD-PARTY-NOTICES'), 'utf8')
  const node = { name: 'node', version: process.versions.node, license: 'MIT' }
  const contained = [...packagesOf(notices), { ...node, purl: `pkg:generic/node@${node.version}` }]
  const own = { name, version: sha, license: 'Apache-2.0', purl: `pkg:generic/${name}@${sha}` }
  const packages = [own, ...contained].map(describe)
  const [root, ...others] = packages.map(({ SPDXID }) => SPDXID)
  const relate = (from: string, relationshipType: SbomRelationship['relationshipType'], to = ''): SbomRelationship => ({
    spdxElementId: from,
    relatedSpdxElement: to,
    relationshipType,
  })
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${name}-${sha}`,
    documentNamespace: `https://windlass.dev/spdx/${name}/${sha}/${hashOf(packages)}`,
    creationInfo: {
      created: new Date(created).toISOString().replace(/\.\d+Z$/, 'Z'),
      creators: ['Organization: windlass'],
    },
    packages,
    relationships: [
      relate('SPDXRef-DOCUMENT', 'DESCRIBES', root),
      ...others.map((other) => relate(root ?? '', 'CONTAINS', other)),
    ],
  }
}

/** From `==== NAME VERSION (LICENCE)`, above the text of each licence. */
function packagesOf(notices: string): readonly Contained[] {
  // One version may lie in several folders.
  const headings = new Map([...notices.matchAll(/^==== (\S+) (\S+) \((.+)\)$/gm)].map((found) => [found[0], found]))
  return [...headings.values()].map(([, name = '', version = '', license = '']) => ({
    name,
    version,
    // Other words than an expression of SPDX are none.
    license: /^[\w.+-]+( (AND|OR|WITH) [\w.+-]+)*$/.test(license) ? license : 'NOASSERTION',
    // https://github.com/package-url/purl-spec/blob/main/types-doc/npm-definition.md
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
  }))
}

function describe({ name, version, license, purl }: Contained): SbomPackage {
  return {
    name,
    SPDXID: `SPDXRef-${`${name}-${version}`.replaceAll(/[^A-Za-z0-9.-]+/g, '-').replace(/^-/, '')}`,
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseDeclared: license,
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
  }
}

function hashOf(packages: readonly SbomPackage[]): string {
  return createHash('sha256').update(JSON.stringify(packages)).digest('hex').slice(0, 16)
}
