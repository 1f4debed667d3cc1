/** It becomes part of file, control group, container and object names. */
export function assertClusterName(name: string): void {
  if (!/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) {
    throw new Error(`'${name}' can't name a cluster: lower-case letters, digits and inner hyphens, 40 at most`)
  }
}
