import { join } from 'node:path'
import { signalIfThere } from '../signal.ts'
import { processesBelow } from './cgroups.ts'
import { cgroupOf } from './record.ts'

/**
 * Where a pod's control group may be, below the root of every hierarchy: the kubelet has a group for each class but
 * Guaranteed. https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
 */
export function podGroups(clusterName: string, podUid: string): readonly string[] {
  return ['burstable', 'besteffort', ''].map((qos) => join(cgroupOf(clusterName), 'kubepods', qos, `pod${podUid}`))
}

/** Ends every process of a pod at once, as a node that loses its power does: none hears of it before. */
export async function killPod(clusterName: string, podUid: string): Promise<void> {
  const pids = (await Promise.all(podGroups(clusterName, podUid).map(processesBelow))).flat()
  if (pids.length === 0) throw new Error(`no process of pod ${podUid} of cluster ${clusterName} runs`)
  for (const pid of pids) signalIfThere(pid, 'SIGKILL')
}
