/** Ports of the Ingress pod; the node's are mapped to them by `hostPort`, so that it needs no capability. */
export const containerPorts = { http: 8080, https: 8443, admin: 8405 } as const

/** 443 of the node is the registry's. */
export const nodePorts = { https: 8443 } as const
