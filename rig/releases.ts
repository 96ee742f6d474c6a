/** One real Xen that the rig boots, as Debian packages it. */
export interface RigRelease {
  readonly xen: '4.14' | '4.17' | '4.20';
  /** Debian's release that carries it. */
  readonly suite: string;
  readonly hypervisor: string;
  /** The package with xen-syms; null where Debian has none. */
  readonly symbols: string | null;
  /** The stock tool of the dom0 speaks this hypervisor's interface version (0x15). */
  readonly stockTool: boolean;
}

export const RIG_RELEASES: readonly RigRelease[] = [
  {
    xen: '4.14',
    suite: 'bullseye',
    hypervisor: 'xen-hypervisor-4.14-amd64',
    symbols: null,
    stockTool: false,
  },
  {
    xen: '4.17',
    suite: 'bookworm',
    hypervisor: 'xen-hypervisor-4.17-amd64',
    symbols: 'xen-hypervisor-4.17-amd64-dbg',
    stockTool: true,
  },
  {
    xen: '4.20',
    suite: 'trixie',
    hypervisor: 'xen-hypervisor-4.20-amd64',
    symbols: 'xen-hypervisor-4.20-amd64-dbg',
    stockTool: true,
  },
];

/** Debian's release that the dom0 is made of; libxencall is stable, so that one serves all Xens. */
export const DOM0_SUITE = 'bookworm';

/** Packages of the dom0 beside its kernel. */
export const DOM0_PACKAGES: readonly string[] = [
  'busybox-static',
  'xen-utils-4.17',
  'libxencall1',
  'libxendevicemodel1',
  'libxenevtchn1',
  'libxenforeignmemory1',
  'libxengnttab1',
  'libxenhypfs1',
  'libxenmisc4.17',
  'libxenstore4',
  'libxentoolcore1',
  'libxentoollog1',
  'libyajl2',
  'libuuid1',
  'zlib1g',
  'liblzma5',
  'libzstd1',
];
