import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { cacheFolder } from './cache.js';
import { hypervisorPackages, versionIn } from './packages.js';
import type { RigRelease } from './releases.js';
import { RigUnavailable } from './run.js';

/** The files of one release, and what identifies them. */
export interface RigHypervisor {
  readonly release: RigRelease;
  /** Debian's version of the package. */
  readonly version: string;
  /** Equal exactly for the same packages. */
  readonly key: string;
  /** The bootable image, gzipped. */
  readonly image: string;
  /** xen-syms, an ELF64. */
  readonly symbols: string;
}

/** xen-syms in the unpacked packages: plain in the -dbg ones; 4.14 has it gzipped in its own. */
function findSymbols(root: string, release: RigRelease, key: string): string {
  const debug = join(root, 'usr', 'lib', 'debug');
  const plain = join(debug, 'boot', `xen-syms-${release.xen}-amd64`);
  if (existsSync(plain)) return plain;
  const gzipped = readdirSync(debug).find((name) => /^xen-syms-[\d.]+\.gz$/.test(name));
  if (gzipped === undefined) throw new RigUnavailable(`Xen ${release.xen} has no xen-syms.`);
  const folder = cacheFolder('symbols', key);
  mkdirSync(folder, { recursive: true });
  const target = join(folder, `xen-syms-${release.xen}-amd64`);
  if (!existsSync(target)) writeFileSync(target, gunzipSync(readFileSync(join(debug, gzipped))));
  return target;
}

/** Gets a release's packages and finds what the rig needs in them. */
export async function prepareHypervisor(release: RigRelease): Promise<RigHypervisor> {
  const tree = await hypervisorPackages(release);
  return {
    release,
    version: versionIn(tree, release.hypervisor) ?? 'unknown',
    key: tree.key,
    image: join(tree.root, 'boot', `xen-${release.xen}-amd64.gz`),
    symbols: findSymbols(tree.root, release, tree.key),
  };
}
