import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ArchiveEntry, modulesIn } from '../core/boot/index.js';
import { dom0Packages } from './packages.js';
import { run } from './run.js';

/** Room for a store with its journal, many times over. */
const SIZE_BYTES = 128 * 1024 * 1024;
/** The controller of QEMU's q35, a disk on it, and what ext4 needs. */
const MODULES = ['ahci', 'sd_mod', 'crc32c_generic', 'ext4'];

/** Makes a disk with an empty ext4 on it. */
export function makeDisk(path: string): void {
  const raw = `${path}.raw`;
  writeFileSync(raw, '');
  truncateSync(raw, SIZE_BYTES);
  run('mke2fs', ['-q', '-F', '-t', 'ext4', raw]);
  run('qemu-img', ['convert', '-q', '-f', 'raw', '-O', 'qcow2', raw, path]);
  rmSync(raw);
}

/** What a dom0 needs to have a disk mounted. */
export async function diskEntries(): Promise<readonly ArchiveEntry[]> {
  const { root } = await dom0Packages();
  const modules = [...modulesIn(join(root, 'lib', 'modules'), MODULES)];
  return modules.map(([name, bytes], index) => {
    const path = `rig/disk/${String(index).padStart(2, '0')}-${name}`;
    return { path, kind: 'file', bytes };
  });
}

/** Shell commands that mount the disk at a folder; a machine that lost its power has its journal replayed. */
export function mountDisk(folder: string): string {
  return [
    'for module in /rig/disk/*.ko; do insmod $module; done',
    'for second in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/sda ] || sleep 1; done',
    `mkdir -p ${folder} && mount -t ext4 /dev/sda ${folder}`,
  ].join('; ');
}
