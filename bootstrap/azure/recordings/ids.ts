/** Of the tenant that the recordings are of; nobody's. */
export const ids = {
  subscription: '6f1d0c7e-4b52-4a3e-9a51-0d3c1c9e7a10',
  tenant: '0b7a2c14-93de-4c1f-8f60-5a2d3e8b9c21',
  administrators: 'c5e8a1d2-7f3b-4e6a-b9d0-1a2b3c4d5e6f',
  operator: '9d4f6b2a-1c3e-4d5f-8a7b-6c5d4e3f2a1b',
  planner: '11c0ffee-0001-4000-8000-00000000a001',
  applier: '11c0ffee-0002-4000-8000-00000000a002',
  push: '11c0ffee-0003-4000-8000-00000000a003',
  retention: '11c0ffee-0004-4000-8000-00000000a004',
  reconciler: '11c0ffee-0005-4000-8000-00000000a005',
  digest: `sha256:${'ab'.repeat(32)}`,
  commit: 'cd'.repeat(20),
} as const
