import { dirname } from 'node:path'

/** Root of the checkout that this file belongs to: what the local platform builds its programs from. */
export const checkout = dirname(dirname(import.meta.dirname))
