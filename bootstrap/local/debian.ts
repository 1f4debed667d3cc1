import { access, chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './run.ts'

/** Debian packages by what needs them. */
export const debianPackages = {
  node: ['containerd', 'runc', 'containernetworking-plugins', 'iptables', 'nftables', 'conntrack', 'iproute2'],
  images: ['buildah', 'busybox-static', 'ca-certificates'],
  ingress: ['haproxy'],
  prometheus: ['prometheus'],
  alertmanager: ['prometheus-alertmanager'],
  python: ['python3-venv'],
  load: ['wrk'],
  // The font has a terminal's letters, signs and lines; Chromium brings none.
  pictures: ['chromium', 'fonts-dejavu-core'],
} as const satisfies Record<string, readonly string[]>

export type PackagePurpose = keyof typeof debianPackages

export interface EnsurePackagesOptions {
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

/**
 * Installs what is missing of the packages for these purposes, as root, else rejects with the command to type.
 * A service that comes with a package is neither started nor enabled: only its program is wanted.
 */
export async function ensurePackages(
  purposes: readonly PackagePurpose[],
  options: EnsurePackagesOptions = {},
): Promise<void> {
  await installMissing([...new Set(purposes.flatMap((purpose) => debianPackages[purpose]))], options)
}

export async function installMissing(packages: readonly string[], options: EnsurePackagesOptions): Promise<void> {
  const missing = await missingPackages(packages, options.signal)
  if (missing.length === 0) return
  const install = `apt-get install --no-install-recommends ${missing.join(' ')}`
  if (process.getuid?.() !== 0) {
    throw new Error(`Debian packages are missing, and only root can install them; type:\n  sudo ${install}`)
  }
  await apt(missing, options)
  const still = await missingPackages(packages, options.signal)
  if (still.length > 0) throw new Error(`after ${install} these are still not installed: ${still.join(' ')}`)
}

async function missingPackages(
  packages: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  if (!(await exists('/usr/bin/dpkg-query'))) {
    throw new Error(`this is no Debian; install what these Debian packages hold by hand: ${packages.join(' ')}`)
  }
  const { stdout } = await run('dpkg-query', ['--show', `--showformat=${queryFormat}`], signal && { signal })
  return notInstalled(packages, stdout)
}

/** By name or by what an installed package provides, as Docker's containerd.io provides containerd and runc. */
export function notInstalled(packages: readonly string[], query: string): readonly string[] {
  const present = new Set(
    query
      .split('\n')
      .map((line) => line.split('|'))
      .filter(([, status]) => status === 'installed')
      .flatMap(([name = '', , provides = '']) => [
        name,
        ...provides.split(',').map((entry) => entry.trim().split(' ')[0]),
      ]),
  )
  return packages.filter((name) => !present.has(name))
}

const queryFormat = '${Package}|${db:Status-Status}|${Provides}\n'

async function apt(missing: readonly string[], { signal, onStep }: EnsurePackagesOptions): Promise<void> {
  const shims = await mkdtemp(join(tmpdir(), 'windlass-apt-'))
  try {
    await writeShims(shims)
    const options = {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
      ...(signal && { signal }),
      onLine: (line: string) => {
        if (/^(Setting up|Unpacking) /.test(line)) onStep?.(line.replace(/ \.\.\.$/, ''))
      },
    }
    const waitForOthers = ['-o', 'DPkg::Lock::Timeout=600']
    onStep?.('updating the lists of Debian packages')
    await run('apt-get', ['update', '-q', ...waitForOthers], options)
    onStep?.(`installing Debian packages: ${missing.join(' ')}`)
    const path = `DPkg::Path=${shims}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`
    // Nothing that the machine's owner installed may have to go for it.
    const flags = ['-q', '-y', '--no-remove', '--no-install-recommends', ...waitForOthers, '-o', path]
    await run('apt-get', ['install', ...flags, ...missing], options)
  } finally {
    await rm(shims, { recursive: true, force: true })
  }
}

/**
 * What a package's scripts start and enable services with, replaced on dpkg's PATH for this one call. Unlike a
 * policy-rc.d file it can't be left behind on the host by a command that is killed.
 * Purging and upgrading later work as ever: the helper's other verbs are passed on.
 */
async function writeShims(dir: string): Promise<void> {
  const skip = '#!/bin/sh\nexit 0\n'
  const keepDisabled = [
    '#!/bin/sh',
    'for word in "$@"; do case "$word" in enable | was-enabled) exit 1 ;; esac; done',
    'exec /usr/bin/deb-systemd-helper "$@"',
    '',
  ].join('\n')
  const shims = {
    'invoke-rc.d': skip,
    'deb-systemd-invoke': skip,
    'update-rc.d': skip,
    'deb-systemd-helper': keepDisabled,
  }
  for (const [name, script] of Object.entries(shims)) {
    const path = join(dir, name)
    await writeFile(path, script)
    await chmod(path, 0o755)
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
