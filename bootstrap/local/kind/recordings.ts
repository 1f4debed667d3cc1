import type { Failure } from '../../azure/recordings/replay.ts'
import type { Recording } from '../../azure/recordings/recording.ts'

/**
 * What docker, kind and the programs in a node print. Where no engine answers, it was taken down from docker 28.2.2 and
 * kind 0.33.0; all else is written after their sources (kind 0.32.0, moby 28.5.2, Kubernetes 1.36) and documents, for
 * there was no engine to take it down from.
 */

const noEngine = 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?'

const client = {
  Version: '28.2.2',
  ApiVersion: '1.50',
  DefaultAPIVersion: '1.50',
  GitCommit: 'e6534b4',
  GoVersion: 'go1.24.3',
  Os: 'linux',
  Arch: 'amd64',
  BuildTime: 'Fri May 30 12:07:14 2025',
  Context: 'default',
} as const

/** `docker version --format '{{json .}}'`: types of docker/cli's command/system/version.go. */
export function dockerVersion(server: { readonly Version?: string; readonly Os?: string } = {}): Recording {
  const Server = {
    Platform: { Name: 'Docker Engine - Community' },
    Components: [],
    Version: '28.5.2',
    ApiVersion: '1.51',
    MinAPIVersion: '1.24',
    GitCommit: '89c5e8f',
    GoVersion: 'go1.25.3',
    Os: 'linux',
    Arch: 'amd64',
    KernelVersion: '6.14.0-1017-azure',
    BuildTime: '2025-11-05T14:43:25.000000000+00:00',
    ...server,
  }
  return { command: 'docker version', stdout: JSON.stringify({ Client: client, Server }) }
}

export const clientAlone: Recording = {
  command: 'docker version',
  stdout: JSON.stringify({ Client: client, Server: null }),
  stderr: noEngine,
  exitCode: 1,
}

/** As user who is not of the group docker. */
export const notAllowed: Recording = {
  ...clientAlone,
  stderr:
    'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: ' +
    'Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/version": dial unix /var/run/docker.sock: connect: permission denied',
}

/** The fields of system.Info that are read; it has a hundred. */
export function dockerInfo(info: { OperatingSystem?: string; SecurityOptions?: readonly string[] } = {}): Recording {
  const usual = {
    ServerVersion: '28.5.2',
    OSType: 'linux',
    OperatingSystem: 'Ubuntu 24.04.3 LTS',
    SecurityOptions: ['name=apparmor', 'name=seccomp,profile=builtin', 'name=cgroupns'],
  }
  return { command: 'docker info', stdout: JSON.stringify({ ...usual, ...info }) }
}

export function kindVersion(version = 'v0.32.0'): Recording {
  return { command: 'kind version', stdout: `kind ${version} go1.26.3 linux/amd64` }
}

/** Of kubeadm 1.36: cmd/kubeadm/app/phases/addons/dns/manifests.go. */
export const corefile = `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
`

export const node = 'windlass-demo-control-plane'
export const nodeIp = '172.18.0.2'
export const volume = '3fba2d2d6d0c5a3c8b1c7d9f4e1f0a2b6c8d0e2f4a6b8c0d2e4f6a8b0c2d4e6f'

/** All that bringing a cluster up and taking it down runs, where all goes well. */
export const wellRecordings: readonly Recording[] = [
  { command: 'kind delete cluster --name windlass-demo', stderr: 'Deleting cluster "windlass-demo" ...' },
  {
    command: 'kind create cluster --name windlass-demo',
    stderr: `Creating cluster "windlass-demo" ...
 • Ensuring node image (kindest/node:v1.36.1) 🖼  ...
 ✓ Ensuring node image (kindest/node:v1.36.1) 🖼
 • Preparing nodes 📦   ...
 ✓ Preparing nodes 📦
 • Writing configuration 📜  ...
 ✓ Writing configuration 📜
 • Starting control-plane 🕹️  ...
 ✓ Starting control-plane 🕹️
 • Installing CNI 🔌  ...
 ✓ Installing CNI 🔌
 • Installing StorageClass 💾  ...
 ✓ Installing StorageClass 💾
 • Waiting ≤ 3m0s for control-plane = Ready ⏳  ...
 ✓ Waiting ≤ 3m0s for control-plane = Ready ⏳
 • Ready after 14s 💚
Set kubectl context to "kind-windlass-demo"`,
  },
  {
    command: 'kind get kubeconfig --internal',
    stdout: `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTg==
    server: https://windlass-demo-control-plane:6443
  name: kind-windlass-demo
contexts:
- context:
    cluster: kind-windlass-demo
    user: kind-windlass-demo
  name: kind-windlass-demo
current-context: kind-windlass-demo
kind: Config
users:
- name: kind-windlass-demo
  user:
    client-certificate-data: LS0tLS1CRUdJTg==
    client-key-data: LS0tLS1CRUdJTg==
`,
  },
  { command: "docker inspect --format '{{range .NetworkSettings.Networks}}", stdout: nodeIp },
  { command: "docker inspect --format '{{range .Mounts}}", stdout: `${volume} ` },
  {
    command: `docker exec --interactive ${node} tee --append /etc/hosts`,
    stdout: `${nodeIp} registry.windlass.test blobs.windlass.test login.windlass.test`,
  },
  {
    command: `docker exec ${node} kubectl --namespace kube-system get configmap coredns`,
    stdout: JSON.stringify({
      apiVersion: 'v1',
      data: { Corefile: corefile },
      kind: 'ConfigMap',
      metadata: { name: 'coredns', namespace: 'kube-system', resourceVersion: '261', uid: '3b7c3c56' },
    }),
  },
  { command: `docker exec --interactive ${node} kubectl replace`, stdout: 'configmap/coredns replaced' },
  {
    command: `docker exec ${node} kubectl --namespace kube-system rollout restart`,
    stdout: 'deployment.apps/coredns restarted',
  },
  {
    command: `docker exec ${node} kubectl --namespace kube-system rollout status`,
    stdout: `Waiting for deployment "coredns" rollout to finish: 1 out of 2 new replicas have been updated...
deployment "coredns" successfully rolled out`,
  },
  { command: `docker exec ${node} kubectl get --raw /readyz`, stdout: 'ok' },
  { command: 'docker cp', stderr: 'Successfully copied 60.1MB to {state}/demo/bin/kubectl' },
]

/** What is said where the engine has stopped, in the words of whichever program asks it. */
export function engineStopped(command: string): Failure {
  const said = command.startsWith('kind')
    ? `ERROR: failed to delete cluster "windlass-demo": error listing nodes: failed to list nodes: command "docker ps -a --filter label=io.x-k8s.kind.cluster=windlass-demo --format '{{.Names}}'" failed with error: exit status 1

Command Output: ${noEngine}`
    : noEngine
  return { command, exitCode: 1, stderr: said }
}

export function nodeGone(command: string): Failure {
  return { command, exitCode: 1, stderr: `Error response from daemon: No such container: ${node}` }
}
