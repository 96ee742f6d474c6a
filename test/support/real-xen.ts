import { prepareHypervisor, type RigHypervisor } from '../../rig/hypervisor.js';
import type { Dom0 } from '../../rig/initramfs.js';
import { prepareDom0 } from '../../rig/initramfs.js';
import { requirePrograms } from '../../rig/packages.js';
import { RIG_RELEASES, type RigRelease } from '../../rig/releases.js';
import { RigUnavailable } from '../../rig/run.js';

/** All releases, as the option --releases takes them. */
export const ALL_RELEASES = RIG_RELEASES.map(({ xen }) => xen).join(',');

/** The releases of a list such as `4.14,4.20`; null where one is not known. */
export function releasesIn(list: string): readonly RigRelease[] | null {
  const wanted = list.split(',');
  const releases = RIG_RELEASES.filter(({ xen }) => wanted.includes(xen));
  return releases.length === wanted.length ? releases : null;
}

/** True where the rig can run here; otherwise it is said why not, and the exit status is 1. */
export function canRun(): boolean {
  try {
    requirePrograms();
    return true;
  } catch (error) {
    if (!(error instanceof RigUnavailable)) throw error;
    process.stderr.write(`The rig cannot run here: ${error.message}\n`);
    process.exitCode = 1;
    return false;
  }
}

/** Makes dom0 and all hypervisors ready, and whatever `more` makes of each, one after the other. */
export async function prepareReleases<T>(
  releases: readonly RigRelease[],
  more: (hypervisor: RigHypervisor, dom0: Dom0) => Promise<T>,
): Promise<ReadonlyMap<RigRelease, T>> {
  const dom0 = await prepareDom0();
  const prepared = new Map<RigRelease, T>();
  for (const release of releases) {
    prepared.set(release, await more(await prepareHypervisor(release), dom0));
  }
  return prepared;
}

export function minutes(ms: number): string {
  return `${(ms / 60_000).toFixed(1)} minutes`;
}
