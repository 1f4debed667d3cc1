/** What comes from elsewhere with this backend, each at one version and by its digest. */
export const pins = {
  /** The oldest kind that makes a node of `node`: its own default image, and kubeadm's settings as that takes them. */
  kind: '0.32.0',
  /** The oldest engine whose `docker image save` writes an OCI layout. */
  docker: '25.0.0',
  /** Of the minor version that the other backend builds; as kind 0.32.0's pkg/apis/config/defaults/image.go has it. */
  node: 'kindest/node:v1.36.1@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5',
  /** What our Dockerfiles start from: C and C++ libraries, certificates, time zones. */
  base: 'gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f',
  prometheus:
    'docker.io/prom/prometheus:v3.13.0@sha256:c6b27ea434f8389bfe233fbc7be381cf50587c286e871bc842008f5a1b1908a7',
  /** The image of the chart's version; the chart itself comes by its version alone. */
  traefik: { version: 'v3.7.11', digest: 'sha256:5203c3f39ca70de6790d964624e042463ffbd57715bc82be155cf224c0dd5144' },
} as const
