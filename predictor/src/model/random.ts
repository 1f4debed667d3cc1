/**
 * Random numbers that are a function of where they are asked for, so that every replica draws the same ones and none
 * has to remember anything. Good enough for a simulation, useless for secrets.
 */
export type Draw = (step: number) => number

/** Standard normal numbers of one named series; the same seed, name and step give the same number anywhere. */
export function normalSeries(seed: number, name: string): Draw {
  const key = mix(hashText(name) ^ mix(seed >>> 0))
  return (step) => {
    const position = mix(key ^ mix(step >>> 0))
    // Box–Muller; the first uniform number must not be 0.
    const radius = Math.sqrt(-2 * Math.log((mix(position ^ 0x68e31da4) + 1) / 0x1_0000_0000))
    return radius * Math.cos((2 * Math.PI * mix(position ^ 0xb5297a4d)) / 0x1_0000_0000)
  }
}

/** Spreads each bit of a 32-bit number over all of them: the finaliser of MurmurHash3. */
function mix(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** FNV-1a over UTF-16 code units. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
