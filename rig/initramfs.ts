import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  type ArchiveEntry,
  cpioArchive,
  filesBelow,
  modulesIn,
  unpackedKernel,
} from '../core/boot/index.js';
import { cachedFolder } from './cache.js';
import { MARK } from './marks.js';
import { dom0Packages, type PackageTree } from './packages.js';
import { RigUnavailable } from './run.js';

/** Modules that a dom0 needs to talk to its hypervisor; what they depend on goes in before them. */
const MODULES = ['xen-privcmd', 'xen-evtchn', 'xen-gntdev', 'xen-gntalloc', 'xenfs'];
const LIBRARY_FOLDER = 'lib/x86_64-linux-gnu';
/** Where the stock tool lies in Debian's package and in the dom0. */
const TOOLS_FOLDER = 'usr/lib/xen-4.17/bin';

/**
 * The dom0's init: mounts, loads the modules, runs /rig/command with the second serial port as its
 * output and switches the machine off.
 */
const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
export PATH=/bin:/sbin:/usr/bin:/usr/sbin:/${TOOLS_FOLDER}
export HOME=/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /rig/modules); do insmod /rig/modules.d/$module; done
mount -t xenfs xenfs /proc/xen
stty -F /dev/ttyS1 raw -echo 115200
exec >/dev/ttyS1 2>&1 </dev/null
sh /rig/command
echo "${MARK.end} $?"
sync
poweroff -f
`;

/** The two files that a dom0 boots from. */
export interface Dom0 {
  readonly kernel: string;
  /** The first layer of its initramfs; a second one with /rig/command goes behind it. */
  readonly baseInitramfs: string;
}

/** Their names in the folder that keeps them. */
const FILES: Dom0 = { kernel: 'vmlinux', baseInitramfs: 'base.cpio' };

export function file(path: string, source: string, mode = 0o755): ArchiveEntry {
  return { path, kind: 'file', bytes: readFileSync(source), mode };
}

/** The shared libraries that these programs load, by the names they ask for; of several trees the first has them. */
export function librariesOf(
  programs: readonly string[],
  ...trees: readonly PackageTree[]
): Map<string, string> {
  const search = trees.flatMap(({ root }) =>
    ['usr/lib/x86_64-linux-gnu', LIBRARY_FOLDER].map((path) => join(root, path)),
  );
  const found = new Map<string, string>();
  for (const program of programs) {
    const { stdout } = spawnSync('ldd', [program], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', LD_LIBRARY_PATH: search.join(':') },
    });
    for (const line of stdout.split('\n')) {
      const missing = /^\s*(\S+) => not found/.exec(line);
      if (missing) throw new RigUnavailable(`${program} needs ${missing[1]}, which is not here.`);
      const match = /^\s*(?:\S+ => )?(\/\S+) \(0x/.exec(line);
      if (match?.[1] !== undefined) found.set(basename(match[1]), realpathSync(match[1]));
    }
  }
  return found;
}

function kernelIn(tree: PackageTree): string {
  const name = readdirSync(join(tree.root, 'boot')).find((entry) => entry.startsWith('vmlinuz-'));
  if (name === undefined) throw new RigUnavailable('The kernel package has no vmlinuz.');
  return join(tree.root, 'boot', name);
}

/** The first layer: what does not change while the project does. */
function baseEntries(tree: PackageTree): ArchiveEntry[] {
  const node = realpathSync(process.execPath);
  const tools = ['xen-livepatch', 'xl'].map((name) => join(tree.root, TOOLS_FOLDER, name));
  const libraries = librariesOf([node, ...tools], tree);
  const modules = modulesIn(join(tree.root, 'lib', 'modules'), MODULES);
  return [
    { path: 'init', kind: 'file', bytes: Buffer.from(INIT), mode: 0o755 },
    file('bin/busybox', join(tree.root, 'bin', 'busybox')),
    file('bin/node', node),
    ...tools.map((path) => file(`${TOOLS_FOLDER}/${basename(path)}`, path)),
    ...[...libraries].map(([name, path]) =>
      file(name.startsWith('ld-linux') ? `lib64/${name}` : `${LIBRARY_FOLDER}/${name}`, path),
    ),
    ...[...modules].map(([name, bytes]): ArchiveEntry => {
      return { path: `rig/modules.d/${name}`, kind: 'file', bytes };
    }),
    { path: 'rig/modules', kind: 'file', bytes: Buffer.from([...modules.keys()].join('\n')) },
  ];
}

/** Kernel and first layer of the dom0; made once for the packages and the node at hand. */
export async function prepareDom0(): Promise<Dom0> {
  const tree = await dom0Packages();
  const node = statSync(realpathSync(process.execPath));
  const key = createHash('sha256')
    .update(
      JSON.stringify([tree.key, FILES, INIT, MODULES, process.version, node.size, node.mtimeMs]),
    )
    .digest('hex')
    .slice(0, 16);
  const folder = await cachedFolder('dom0', key, (draft) => {
    writeFileSync(join(draft, FILES.kernel), unpackedKernel(readFileSync(kernelIn(tree))));
    writeFileSync(join(draft, FILES.baseInitramfs), cpioArchive(baseEntries(tree)));
  });
  return {
    kernel: join(folder, FILES.kernel),
    baseInitramfs: join(folder, FILES.baseInitramfs),
  };
}

/** Every file below a folder of this machine, as entries below a folder of the dom0. */
export function folderEntries(
  source: string,
  target: string,
  isWanted: (path: string) => boolean = () => true,
): ArchiveEntry[] {
  return [...filesBelow(source)].flatMap((path) => {
    const relative = path.slice(source.length + 1);
    return isWanted(relative) ? [file(`${target}/${relative}`, path, 0o755)] : [];
  });
}
