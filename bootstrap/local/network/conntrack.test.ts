import t from 'tap'
import { parseConntrack } from './conntrack.ts'

const lines: Readonly<Record<string, readonly [string, unknown]>> = {
  'a pod that asks the API server by its Service arrives at the node': [
    '    [NEW] tcp      6 120 SYN_SENT src=10.244.0.7 dst=10.96.0.1 sport=40112 dport=443 [UNREPLIED] src=10.77.0.2 dst=10.244.0.7 sport=6443 dport=40112',
    { protocol: 'TCP', from: '10.244.0.7', to: '10.77.0.2', port: 6443 },
  ],
  'a lookup': [
    '    [NEW] udp      17 30 src=10.244.0.7 dst=10.96.0.10 sport=40112 dport=53 [UNREPLIED] src=10.77.0.2 dst=10.244.0.7 sport=53 dport=40112',
    { protocol: 'UDP', from: '10.244.0.7', to: '10.77.0.2', port: 53 },
  ],
  'what is masqueraded is still the pod’s': [
    '[NEW] tcp 6 120 SYN_SENT src=10.244.0.7 dst=10.77.0.1 sport=5 dport=80 [UNREPLIED] src=10.77.0.1 dst=10.77.0.2 sport=80 dport=5',
    { protocol: 'TCP', from: '10.244.0.7', to: '10.77.0.1', port: 80 },
  ],
  'what a server says last, when the kernel has forgotten who asked': [
    '    [NEW] tcp      6 300 ESTABLISHED src=10.244.0.9 dst=10.244.0.7 sport=8080 dport=40112 [UNREPLIED] src=10.244.0.7 dst=10.244.0.9 sport=40112 dport=8080',
    undefined,
  ],
  'an echo request': [
    '    [NEW] icmp     1 30 src=10.244.0.7 dst=10.77.0.2 type=8 code=0 id=7 [UNREPLIED] src=10.77.0.2 dst=10.244.0.7 type=0 code=0 id=7',
    undefined,
  ],
  'what conntrack says at its end': ['conntrack v1.4.7 (conntrack-tools): 5 flow events have been shown.', undefined],
}

for (const [sentence, [text, expected]] of Object.entries(lines)) {
  t.test(sentence, async (t) => {
    t.same(parseConntrack(text), expected)
  })
}
