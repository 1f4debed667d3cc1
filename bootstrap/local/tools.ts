import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { buildGo } from './go-build.ts'
import { buildEnv, findToolchain, moduleRoot, type Toolchain } from './go-toolchain.ts'
import { withLock } from './lock.ts'
import { cacheDir } from './paths.ts'

interface GoTool {
  /** Folder under `go/`, with the go.mod and go.sum that pin the tool. */
  readonly module:
    | 'etcd'
    | 'kubernetes'
    | 'coredns'
    | 'distribution'
    | 'pause'
    | 'kstatus'
    | 'kwok'
    | 'helm'
    | 'kubeconform'
    | 'kube-score'
    | 'metrics-server'
    | 'actionlint'
  readonly package: string
  /** What `go build` names the program, where that is not the tool's name. */
  readonly output?: string
  /** Linker flags, given the version that go.mod pins for `versionOf`. */
  readonly versionOf?: string
  readonly ldflags?: (version: string) => readonly string[]
}

const kubernetes = {
  module: 'kubernetes',
  versionOf: 'k8s.io/kubernetes',
  // Without these the programs report v0.0.0, and clients that check the version of a server are misled.
  ldflags: (version: string) => {
    const [major = '', minor = ''] = version.replace(/^v/, '').split('.')
    const variable = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`
    return [variable('gitVersion', version), variable('gitMajor', major), variable('gitMinor', minor)]
  },
} as const

const tools = {
  etcd: { module: 'etcd', package: 'go.etcd.io/etcd/server/v3', output: 'server' },
  'kube-apiserver': { ...kubernetes, package: 'k8s.io/kubernetes/cmd/kube-apiserver' },
  kubectl: { ...kubernetes, package: 'k8s.io/kubernetes/cmd/kubectl' },
  'kube-controller-manager': { ...kubernetes, package: 'k8s.io/kubernetes/cmd/kube-controller-manager' },
  'kube-scheduler': { ...kubernetes, package: 'k8s.io/kubernetes/cmd/kube-scheduler' },
  kubelet: { ...kubernetes, package: 'k8s.io/kubernetes/cmd/kubelet' },
  'kube-proxy': { ...kubernetes, package: 'k8s.io/kubernetes/cmd/kube-proxy' },
  coredns: { module: 'coredns', package: '.' },
  distribution: {
    module: 'distribution',
    package: '.',
    versionOf: 'github.com/distribution/distribution/v3',
    ldflags: (version) => [`-X github.com/distribution/distribution/v3/version.version=${version}`],
  },
  pause: { module: 'pause', package: '.' },
  // Nothing runs it but a test: what we read of an object's health is held against it.
  kstatus: { module: 'kstatus', package: '.' },
  // Of `npm run check`.
  actionlint: { module: 'actionlint', package: 'github.com/rhysd/actionlint/cmd/actionlint' },
  // Of one benchmark alone; nothing else asks for it.
  kwok: { module: 'kwok', package: 'sigs.k8s.io/kwok/cmd/kwok' },
  // Of tests of the manifests and charts alone.
  helm: {
    module: 'helm',
    package: 'helm.sh/helm/v4/cmd/helm',
    versionOf: 'helm.sh/helm/v4',
    ldflags: (version) => [`-X helm.sh/helm/v4/internal/version.version=${version}`],
  },
  kubeconform: { module: 'kubeconform', package: 'github.com/yannh/kubeconform/cmd/kubeconform' },
  'kube-score': { module: 'kube-score', package: 'github.com/zegl/kube-score/cmd/kube-score' },
  // Of the test of autoscaling alone.
  'metrics-server': {
    module: 'metrics-server',
    package: 'sigs.k8s.io/metrics-server/cmd/metrics-server',
    versionOf: 'sigs.k8s.io/metrics-server',
    ldflags: (version) => [`-X k8s.io/client-go/pkg/version.gitVersion=${version}`],
  },
} as const satisfies Record<string, GoTool>

/** Of all programs of a module, on two idle cores with empty caches. */
const roughTimes: Readonly<Record<GoTool['module'], string>> = {
  etcd: '30 s',
  kubernetes: '7 min',
  coredns: '1 min',
  distribution: '30 s',
  pause: '5 s',
  kstatus: '20 s',
  kwok: '2 min',
  helm: '2 min',
  kubeconform: '20 s',
  'kube-score': '30 s',
  'metrics-server': '2 min',
  actionlint: '20 s',
}

export type ToolName = keyof typeof tools

export interface EnsureToolsOptions {
  readonly signal?: AbortSignal
  /** Told what is being built, how long that may take, and now and then how far it is. */
  readonly onStep?: (step: string) => void
}

interface PlannedTool {
  readonly name: ToolName
  readonly tool: GoTool
  readonly flags: readonly string[]
  /** The finished program; its folder's name is a hash of all that goes into the build. */
  readonly path: string
}

/**
 * Paths of the named programs, each built from the Go module proxy at the version its go.mod pins, and kept in the
 * user's cache. Only what is asked for and missing is built.
 */
export async function ensureTools<Name extends ToolName>(
  names: readonly Name[],
  options: EnsureToolsOptions = {},
): Promise<Record<Name, string>> {
  const toolchain = await findToolchain(options.signal)
  const planned = await Promise.all(names.map((name) => plan(name, toolchain)))
  if ((await missingOf(planned)).length > 0) {
    await mkdir(cacheDir('go'), { recursive: true })
    await withLock(
      cacheDir('go', 'build.lock'),
      {
        ...(options.signal && { signal: options.signal }),
        onWait: () => options.onStep?.('waiting for another build of the Go tools to end'),
      },
      async () => buildMissing(await missingOf(planned), toolchain, options),
    )
  }
  await Promise.all(planned.map((tool) => markUsed(dirname(tool.path))))
  return Object.fromEntries(planned.map((tool) => [tool.name, tool.path])) as Record<Name, string>
}

/** Time after which a build that nobody asked for any more is deleted. */
const unusedForMs = 30 * 24 * 60 * 60 * 1000

async function plan(name: ToolName, toolchain: Toolchain): Promise<PlannedTool> {
  const tool: GoTool = tools[name]
  const folder = join(moduleRoot, tool.module)
  const sources = (await readdir(folder)).filter((file) => /\.(go|mod|sum)$/.test(file)).sort()
  const contents = await Promise.all(sources.map((file) => readFile(join(folder, file), 'utf8')))
  const goMod = contents[sources.indexOf('go.mod')] ?? ''
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', ['-s', '-w', ...linkerFlags(tool, goMod)].join(' ')]
  const key = createHash('sha256')
    .update(JSON.stringify([tool.package, flags, buildEnv, toolchain.version, sources, contents]))
    .digest('hex')
    .slice(0, 16)
  return { name, tool, flags, path: cacheDir('go', name, key, name) }
}

function linkerFlags(tool: GoTool, goMod: string): readonly string[] {
  if (tool.versionOf === undefined || tool.ldflags === undefined) return []
  const pin = goMod.split('\n').find((line) =>
    line
      .trim()
      .replace(/^require /, '')
      .startsWith(`${tool.versionOf} v`),
  )
  const version = pin && /\sv\S+/.exec(pin)?.[0].trim()
  if (!version) throw new Error(`bootstrap/local/go/${tool.module}/go.mod does not pin ${tool.versionOf}`)
  return tool.ldflags(version)
}

async function missingOf(planned: readonly PlannedTool[]): Promise<readonly PlannedTool[]> {
  const present = await Promise.all(
    planned.map((tool) =>
      access(tool.path).then(
        () => true,
        () => false,
      ),
    ),
  )
  return planned.filter((_, index) => !present[index])
}

async function buildMissing(
  missing: readonly PlannedTool[],
  toolchain: Toolchain,
  options: EnsureToolsOptions,
): Promise<void> {
  // One call a module: its programs share nearly all of their packages.
  for (const tools of Map.groupBy(missing, (tool) => tool.tool.module).values()) {
    await build(tools, toolchain, options)
  }
}

async function build(
  planned: readonly PlannedTool[],
  toolchain: Toolchain,
  { signal, onStep }: EnsureToolsOptions,
): Promise<void> {
  const [first] = planned
  if (first === undefined) return
  const { module } = first.tool
  const temporary = cacheDir('go', `building-${module}`)
  try {
    // Under the lock, so whatever lies here was left by a build that was killed.
    await rm(temporary, { recursive: true, force: true })
    await mkdir(temporary, { recursive: true })
    await buildGo({
      go: toolchain.go,
      names: planned.map((tool) => tool.name).join(', '),
      roughly: roughTimes[module],
      folder: join(moduleRoot, module),
      packages: planned.map((tool) => tool.tool.package),
      flags: first.flags,
      env: buildEnv,
      out: temporary,
      ...(signal && { signal }),
      ...(onStep && { onStep }),
    })
    for (const tool of planned) await keep(tool, temporary)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

async function keep(tool: PlannedTool, temporary: string): Promise<void> {
  const folder = dirname(tool.path)
  const staged = join(temporary, `${tool.name}.d`)
  await mkdir(staged)
  await rename(join(temporary, tool.tool.output ?? tool.name), join(staged, tool.name))
  await mkdir(dirname(folder), { recursive: true })
  await rename(staged, folder)
  await deleteUnused(dirname(folder))
}

/** Deletes what is in a folder of the cache and was not used for a month. */
export async function deleteUnused(folder: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    const path = join(folder, entry)
    const { mtimeMs } = await stat(path)
    if (Date.now() - mtimeMs > unusedForMs) await rm(path, { recursive: true, force: true })
  }
}

async function markUsed(folder: string): Promise<void> {
  const now = new Date()
  await utimes(folder, now, now)
}
