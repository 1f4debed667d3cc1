import type { FakeClock } from '../src/runtime/fake-clock.ts'
import type { Cluster } from './cluster.ts'
import type { Occurrence } from './occurrence.ts'
import type { Repository } from './repository.ts'
import type { WorkloadController } from './workload-controller.ts'

/** What all processes of a history have in common. */
export interface Surroundings {
  readonly clock: FakeClock
  readonly cluster: Cluster
  readonly repository: Repository
  readonly workloads: WorkloadController
  readonly tell: (occurrence: Occurrence) => void
}
