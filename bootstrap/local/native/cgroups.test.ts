import t from 'tap'
import { parseHierarchies } from './cgroups.ts'

const root = '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw'

t.test('hierarchies are read from what is mounted, wherever that is', (t) => {
  const cases = {
    'version 2 alone': {
      mountinfo: [root, '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate'],
      expected: [{ mountPoint: '/sys/fs/cgroup', version: 2 }],
    },
    'both side by side': {
      mountinfo: [
        root,
        '31 30 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu',
        '32 30 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
      ],
      expected: [
        { mountPoint: '/sys/fs/cgroup/cpu', version: 1 },
        { mountPoint: '/sys/fs/cgroup/unified', version: 2 },
      ],
    },
    none: { mountinfo: [root, ''], expected: [] },
  } as const
  for (const [name, { mountinfo, expected }] of Object.entries(cases)) {
    t.same(parseHierarchies(mountinfo.join('\n')), expected, name)
  }
  t.end()
})
