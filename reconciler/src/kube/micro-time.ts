/** A Kubernetes MicroTime: RFC 3339 in UTC with six digits of fraction, no more and no fewer. */
export function formatMicroTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z')
}
