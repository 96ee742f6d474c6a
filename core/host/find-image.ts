import { join } from 'node:path';
import type { BuildId } from '../abi/ids.js';
import type { HostMachine } from '../hypervisor/index.js';
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
 * The image on the hypervisor's machine that it was booted from: the first with its build-id.
 * Null where there is none. Files that cannot be read, or are no images, are passed over.
 */
export async function findImage(
  machine: HostMachine,
  buildId: BuildId,
  places = PLACES,
): Promise<HypervisorImage | null> {
  // All at once: the machine may be far.
  const listed = await Promise.all(
    places.map(async (place) => ({ ...place, all: await machine.list(place.folder) })),
  );
  for (const { folder, pattern, all } of listed) {
    const names = all.filter((name) => pattern.test(name));
    for (const name of names.slice(0, MOST_FILES)) {
      const image = await tryImage(machine, join(folder, name));
      if (image === null || image.symbols === null || image.memory.length === 0) continue;
      if (image.buildIds.some(({ id }) => id === buildId)) return image;
    }
  }
  return null;
}

async function tryImage(machine: HostMachine, file: string): Promise<HypervisorImage | null> {
  const bytes = await machine.read(file, MAX_IMAGE_SIZE);
  if (bytes === null) return null;
  try {
    return readImage(bytes, file);
  } catch {
    return null;
  }
}
