/** What of a log goes into status. */
export const maxLogBytes = 2048

// ECMA-48 escape sequences, with which programs colour what they write; and what else is no text.
// oxlint-disable-next-line no-control-regex
const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])/gu
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu

/**
 * The end of a log as text of at most so many bytes of UTF-8: whole lines, or where the last line alone is longer, its
 * end. Undefined where there is nothing to read.
 */
export function tailOf(log: Uint8Array, maxBytes = maxLogBytes): string | undefined {
  const text = new TextDecoder().decode(log).replaceAll('\r\n', '\n').replaceAll(escapes, '').replaceAll(controls, '')
  const trimmed = text.trimEnd()
  if (noLog.test(trimmed)) return undefined
  const bytes = Buffer.from(trimmed, 'utf8')
  if (bytes.length <= maxBytes) return orUndefined(bytes.toString('utf8'))

  let start = bytes.length - maxBytes
  // 10xxxxxx continues a character: https://www.rfc-editor.org/rfc/rfc3629#section-3
  while (((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1
  const isWholeLine = bytes[start - 1] === lineFeed
  const lineEnd = bytes.indexOf(lineFeed, start)
  const from = isWholeLine || lineEnd === -1 ? start : lineEnd + 1
  return orUndefined(bytes.subarray(from).toString('utf8'))
}

const lineFeed = 0x0a

/**
 * The kubelet's answers, with code 200, where the container or its file was cleared away meanwhile:
 * https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kuberuntime/kuberuntime_container.go
 * https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/cri-client/pkg/logs/logs.go
 */
const noLog =
  /^(unable to retrieve container logs for \S+|failed to (try resolving symlinks in path|open log file) "[^"\n]+\.log": [^\n]+)$/u

function orUndefined(text: string): string | undefined {
  return text.trim() === '' ? undefined : text
}
