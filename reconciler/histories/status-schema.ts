import { Compile } from 'typebox/compile'
import { DeliveryStatusSchema } from '../src/api/delivery.ts'
import type { Invariant } from './invariant.ts'

const schema = Compile(DeliveryStatusSchema)

export const statusIsValid: Invariant = {
  sentence: 'every status that is written is one that the API server takes',
  watch: () => (occurrence) => {
    if (occurrence.kind !== 'status' || schema.Check(occurrence.delivery.status)) return undefined
    return JSON.stringify(schema.Errors(occurrence.delivery.status).slice(0, 3))
  },
}
