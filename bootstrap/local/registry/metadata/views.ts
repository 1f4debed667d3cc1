import type { Attributes, ManifestRecord, TagRecord } from './records.ts'
import type { RepositoryIndex } from './repository-index.ts'
import { printAcrTime } from './update-clock.ts'

/*
 * Records as ACR's REST API shows them, version 2021-07-01, with the fields in the order of its own answers:
 * https://github.com/Azure/azure-rest-api-specs/tree/main/specification/containerregistry/data-plane
 */

export function viewRepository(registry: string, { record, tags, manifests }: RepositoryIndex): unknown {
  return {
    registry,
    imageName: record.name,
    createdTime: printAcrTime(record.createdTime),
    lastUpdateTime: printAcrTime(record.lastUpdateTime),
    manifestCount: manifests.size,
    tagCount: tags.size,
    changeableAttributes: viewAttributes(record.attributes),
  }
}

export function viewTag({ name, digest, createdTime, lastUpdateTime, attributes }: TagRecord): unknown {
  return {
    name,
    digest,
    createdTime: printAcrTime(createdTime),
    lastUpdateTime: printAcrTime(lastUpdateTime),
    signed: false,
    changeableAttributes: viewAttributes(attributes),
  }
}

export function viewManifest(
  { facts, createdTime, lastUpdateTime, attributes }: ManifestRecord,
  tags: readonly string[],
): Readonly<Record<string, unknown>> {
  return {
    digest: facts.digest,
    imageSize: facts.imageSize,
    createdTime: printAcrTime(createdTime),
    lastUpdateTime: printAcrTime(lastUpdateTime),
    ...(facts.architecture !== undefined && { architecture: facts.architecture }),
    ...(facts.os !== undefined && { os: facts.os }),
    mediaType: facts.mediaType,
    ...(facts.configMediaType !== undefined && { configMediaType: facts.configMediaType }),
    ...(facts.artifactType !== undefined && { artifactType: facts.artifactType }),
    ...(tags.length > 0 && { tags }),
    changeableAttributes: viewAttributes(attributes),
  }
}

/** One manifest alone also tells what it refers to. */
export function viewManifestInFull(record: ManifestRecord, tags: readonly string[]): unknown {
  const { references } = record.facts
  return { ...viewManifest(record, tags), ...(references && { references }) }
}

function viewAttributes({ deleteEnabled, writeEnabled, readEnabled, listEnabled }: Attributes): Attributes {
  return { deleteEnabled, writeEnabled, readEnabled, listEnabled }
}
