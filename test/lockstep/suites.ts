import { unpackOlder, unpackRoot } from '../../rig/packages.js';

/** A Debian release, unpacked so that its programs run in it. */
export interface Suite {
  readonly name: string;
  /** Folder of its root. */
  readonly root: string;
  /** Other where the packages are others. */
  readonly key: string;
}

/** Releases with a QEMU and an nbdkit each: 5.2 and 1.24; 7.2, 1.32; 10.0, 1.42; 11.1, 1.48. */
export const SUITES = ['bullseye', 'bookworm', 'trixie', 'sid'] as const;

const XEN = { bullseye: '4.14', bookworm: '4.17', trixie: '4.20', sid: '4.20' } as const;
const COMMON = [
  'qemu-system-x86',
  'qemu-utils',
  'qemu-block-extra',
  'qemu-system-gui',
  'libnbd-bin',
  'nbdkit',
  'nbdkit-plugin-guestfs',
  'nbdkit-plugin-libvirt',
  'nbdkit-plugin-lua',
  'nbdkit-plugin-perl',
  'nbdkit-plugin-python',
  'nbdkit-plugin-tcl',
];
const NEWER = ['qemu-system-modules-opengl', 'qemu-system-modules-spice'];

/** Packages of modules that came with QEMU 8. */
function modulePackages(suite: string): readonly string[] {
  return suite === 'trixie' || suite === 'sid' ? NEWER : [];
}

/** The roots of these suites; fetched and unpacked where they are not in the cache. */
export async function openSuites(
  names: readonly (typeof SUITES)[number][],
): Promise<readonly Suite[]> {
  const suites: Suite[] = [];
  for (const name of names) {
    // The links at the top of a root are in base-files, and sid's packages do not ask for it.
    const links = name === 'sid' ? ['base-files'] : [];
    const packages = [...COMMON, `xen-utils-${XEN[name]}`, ...modulePackages(name), ...links];
    suites.push({ name, ...(await unpackRoot(name, packages)) });
  }
  return suites;
}

const OF_QEMU = ['qemu-system-common', 'qemu-system-x86', 'qemu-system-gui', 'qemu-block-extra'];

/** An older build of a suite's QEMU, without its libraries; null where the mirror has one version only. */
export async function openOlderQemu(suite: Suite): Promise<Suite | null> {
  const tree = await unpackOlder(suite.name, [...OF_QEMU, ...modulePackages(suite.name)]);
  return tree === null ? null : { name: `${suite.name}-older`, ...tree };
}
