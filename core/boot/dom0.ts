import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type ArchiveEntry, cpioArchive } from './cpio.js';
import { type Archive, kernelPackage, type PackageTree, unpackPackages } from './debian.js';
import { keptOnce } from './kept-once.js';
import { isPackaged, kernelVersion, unpackedKernel } from './kernel.js';
import { areIn, filesBelow, moduleFolder, modulesIn } from './modules.js';
import { Unavailable } from './run.js';

/** Debian's release that the dom0 is made of, whatever this machine runs. */
const SUITE = 'bookworm';
const PYTHON = 'python3.11';
/** With all that they need: nothing is installed, so that nothing else comes with them. */
const PACKAGES = [
  'busybox-static',
  `${PYTHON}-minimal`,
  `lib${PYTHON}-minimal`,
  `lib${PYTHON}-stdlib`,
  'libc6',
  'libexpat1',
  'libffi8',
  'zlib1g',
];
/** Parts of them that nobody in this dom0 needs. */
const LEFT_OUT =
  /\/(?:gconv|audit|locale|doc|man|info|lintian|bug|binfmts|applications|test|tests|idlelib|lib2to3|ensurepip|pydoc_data|unittest|dist-packages|__pycache__|config-[^/]*)\//;
/** Modules that hypercalls are made through. */
const MODULES = ['xen-privcmd', 'xenfs'];
/** A channel that carries a payload of two megabytes in moments; where a kernel lacks it, a serial port has to do. */
const FAST_CHANNEL = ['virtio-pci', 'virtio-console'];

/** The program that the dom0 starts: its input and output lead out of it, its errors go to the console. */
export const DOM0_PROGRAM = 'boot/program';

/** What the console says when it has ended, with its exit status behind it. */
export const PROGRAM_ENDED = 'the program of this dom0 ended with';

const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /var/lib /root /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /boot/modules); do insmod /boot/modules.d/$module; done
mount -t xenfs xenfs /proc/xen
port=/dev/ttyS1
[ -e /dev/vport0p1 ] && port=/dev/vport0p1 || stty -F $port raw -echo 115200
# The fast one can be opened once only.
/${DOM0_PROGRAM} <>$port >&0
echo "${PROGRAM_ENDED} $?"
sync
poweroff -f
`;

/** The two files that a dom0 boots from, and its kernel's version. */
export interface BootFiles {
  readonly kernel: string;
  /** A first layer: what is under test goes behind it. */
  readonly initramfs: string;
  readonly kernelVersion: string;
  /** What dom0's program is reached by. */
  readonly channel: 'serial' | 'virtio';
}

/**
 * A dom0 of static parts: busybox, python and what makes hypercalls, with this kernel (a file), or Debian's where null.
 * Made once of the same parts. Fails with `rehearsal-unavailable` where one cannot be had.
 */
export async function bootFiles(archive: Archive, kernel: string | null): Promise<BootFiles> {
  const tree = await unpackPackages(archive, SUITE, PACKAGES);
  const file = kernel ?? (await debianKernel(archive));
  const bytes = readFileSync(file);
  const version = kernelVersion(bytes);
  if (version === null) throw new Unavailable(`${file} is no Linux kernel for x86`);
  const folder = moduleFolder(dirname(file), version);
  if (folder === null) {
    throw new Unavailable(
      `The modules of ${file} (${version}) are neither in ../lib/modules of its folder nor in /lib/modules`,
    );
  }
  const isFast = areIn(folder, FAST_CHANNEL);
  const wanted = isFast ? [...MODULES, ...FAST_CHANNEL] : MODULES;
  const key = createHash('sha256')
    .update(JSON.stringify([tree.key, INIT, PACKAGES, wanted, String(LEFT_OUT), folder]))
    .update(bytes)
    .digest('hex')
    .slice(0, 16);
  const made = await keptOnce(join(archive.cache, 'boot'), key, (draft) => {
    writeFileSync(join(draft, 'kernel'), isPackaged(bytes) ? unpackedKernel(bytes) : bytes);
    writeFileSync(
      join(draft, 'initramfs'),
      cpioArchive(entriesOf(tree, modulesIn(folder, wanted))),
    );
  });
  return {
    kernel: join(made, 'kernel'),
    initramfs: join(made, 'initramfs'),
    kernelVersion: version,
    channel: isFast ? 'virtio' : 'serial',
  };
}

async function debianKernel(archive: Archive): Promise<string> {
  const { root } = await unpackPackages(archive, SUITE, [kernelPackage(archive, SUITE)]);
  const folder = join(root, 'boot');
  const name = readdirSync(folder).find((entry) => entry.startsWith('vmlinuz-'));
  if (name === undefined) throw new Unavailable("Debian's kernel package has no vmlinuz");
  return join(folder, name);
}

function entriesOf(
  { root }: PackageTree,
  modules: ReadonlyMap<string, Buffer>,
): readonly ArchiveEntry[] {
  const text = (path: string, content: string, mode = 0o644): ArchiveEntry => {
    return { path, kind: 'file', bytes: Buffer.from(content), mode };
  };
  // Some are links to what is configured on a machine where they are installed.
  const files = [...filesBelow(root)].filter((path) => existsSync(path) && !LEFT_OUT.test(path));
  return [
    text('init', INIT, 0o755),
    ...files.map((path): ArchiveEntry => {
      const mode = statSync(path).mode & 0o777;
      return { path: relative(root, path), kind: 'file', bytes: readFileSync(path), mode };
    }),
    { path: 'usr/bin/python3', kind: 'link', target: PYTHON },
    ...[...modules].map(([name, bytes]): ArchiveEntry => {
      return { path: `boot/modules.d/${name}`, kind: 'file', bytes };
    }),
    text('boot/modules', [...modules.keys()].join('\n')),
  ];
}
