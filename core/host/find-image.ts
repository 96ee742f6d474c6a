import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildId } from '../abi/ids.js';
import { readRegular } from '../files/index.js';
import { type HypervisorImage, MAX_IMAGE_SIZE, readImage } from '../image/index.js';

/**
 * Where distributions put hypervisors and their symbols: with symbols first. A stripped image serves
 * too, since Xen's own symbol table is in it.
 */
const PLACES: readonly { readonly folder: string; readonly pattern: RegExp }[] = [
  { folder: '/usr/lib/debug/boot', pattern: /^xen-syms/ },
  { folder: '/usr/lib/debug', pattern: /^xen-syms/ },
  { folder: '/boot', pattern: /^xen-syms/ },
  { folder: '/boot', pattern: /^xen.*\.(gz|efi)$/ },
];
/** More files than this in one folder are not opened. */
const MOST_FILES = 32;

/**
 * The image on this machine that the running hypervisor was booted from: the first with its build-id.
 * Null where there is none. Files that cannot be read, or are no images, are passed over.
 */
export async function findImage(
  buildId: BuildId,
  places = PLACES,
): Promise<HypervisorImage | null> {
  for (const { folder, pattern } of places) {
    const names = (await readdir(folder).catch(() => [])).filter((name) => pattern.test(name));
    for (const name of names.sort().slice(0, MOST_FILES)) {
      const image = await tryImage(join(folder, name));
      if (image?.buildIds.some(({ id }) => id === buildId) && image.symbols !== null) return image;
    }
  }
  return null;
}

async function tryImage(file: string): Promise<HypervisorImage | null> {
  try {
    const bytes = await readRegular(file, MAX_IMAGE_SIZE);
    return bytes === null ? null : readImage(bytes, file);
  } catch {
    return null;
  }
}
