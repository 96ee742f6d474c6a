import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Archive,
  findMirror,
  kernelPackage,
  unpackOlder as olderOf,
  type PackageTree,
  unpackRoot as rootOf,
  unpackPackages as treeOf,
} from '../core/boot/index.js';
import { cacheFolder } from './cache.js';
import { DOM0_PACKAGES, DOM0_SUITE, type RigRelease } from './releases.js';
import { isInstalled, RigUnavailable, run } from './run.js';

export type { PackageTree } from '../core/boot/index.js';

function archive(): Archive {
  return { cache: cacheFolder(), mirror: findMirror(process.env) };
}

/** The packages of one Debian release, downloaded and unpacked side by side. */
export function unpackPackages(suite: string, names: readonly string[]): Promise<PackageTree> {
  return treeOf(archive(), suite, names);
}

/** The same with all that these packages depend on, as one root in which their programs run. */
export function unpackRoot(suite: string, names: readonly string[]): Promise<PackageTree> {
  return rootOf(archive(), suite, names);
}

/** Packages in the oldest version that the mirror has of the suite; null where it has only one version. */
export function unpackOlder(suite: string, names: readonly string[]): Promise<PackageTree | null> {
  return olderOf(archive(), suite, names);
}

/** Kernel, busybox, the stock tool and Xen's libraries. */
export async function dom0Packages(): Promise<PackageTree> {
  return unpackPackages(DOM0_SUITE, [kernelPackage(archive(), DOM0_SUITE), ...DOM0_PACKAGES]);
}

/** The hypervisor, and its xen-syms where there is one. */
export async function hypervisorPackages(release: RigRelease): Promise<PackageTree> {
  const names = [release.hypervisor];
  if (release.symbols !== null) names.push(release.symbols);
  return unpackPackages(release.suite, names);
}

/** Version of a package in an unpacked tree, as Debian spells it; null where it is not in it. */
export function versionIn(tree: PackageTree, name: string): string | null {
  const text = readFileSync(join(tree.root, 'versions'), 'utf8');
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name}=`));
  return line?.slice(name.length + 1) ?? null;
}

/**
 * Programs that have to run on this machine: installed when this is root on a machine with apt.
 *
 * @throws RigUnavailable with the command that would install them.
 */
export function requirePrograms(): void {
  const programs: Readonly<Record<string, string>> = {
    'qemu-system-x86_64': 'qemu-system-x86',
    'qemu-img': 'qemu-utils',
    cpio: 'cpio',
    xz: 'xz-utils',
    'dpkg-deb': 'dpkg',
    'apt-get': 'apt',
  };
  const absent = Object.keys(programs).filter((program) => !isInstalled(program));
  if (absent.length === 0) return;
  const packages = absent.map((program) => programs[program] ?? program);
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || absent.includes('apt-get')) {
    throw new RigUnavailable(`${absent.join(', ')} is missing. As root: ${command}`);
  }
  run('apt-get', ['update', '-qq']);
  run('apt-get', command.split(' ').slice(1));
}
