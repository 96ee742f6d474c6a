import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildId } from '../abi/ids.js';
import type { XenRelease } from '../abi/release.js';
import { codeOf, localFolder, readRegular, reasonOf } from '../files/index.js';
import { XspliceError } from '../findings/index.js';
import {
  createDiskStore,
  DiskStore,
  MEMORY_FOLDER,
  ModelPort,
} from '../hypervisor/embedded/index.js';
import type { Snapshot } from '../hypervisor/index.js';
import { type HypervisorImage, MAX_IMAGE_SIZE, readImage, readXensyms } from '../image/index.js';
import type { OpenHost, PreflightModel } from './host.js';
import { modelFromImage } from './image-model.js';
import { clockOf } from './machine-clock.js';
import { requireImage } from './require-image.js';

/** A hypervisor that was created. */
export interface CreatedHost {
  readonly buildId: BuildId | null;
  /** As XENVER_version and extraversion print it. */
  readonly version: string;
  readonly image: HypervisorImage;
}

/** How an embedded hypervisor is created. */
export interface CreateOptions {
  /** The release whose rules it keeps; null, the default, is what the image says it is. */
  readonly release?: XenRelease | null;
  /** Asked where the directory holds a hypervisor, which would be lost. What it throws is thrown. */
  readonly confirm?: () => Promise<void>;
}

/**
 * Creates an embedded hypervisor, just booted from this image, which is kept with its state. Fails as readImage
 * and modelFromImage do, and with `state-*`.
 */
export async function createEmbedded(
  directory: string,
  image: { readonly file: string; readonly bytes: Uint8Array },
  { release = null, confirm }: CreateOptions = {},
): Promise<CreatedHost> {
  const read = readImage(image.bytes, image.file);
  const { model, version, symbols } = modelFromImage(read, release);
  if (await holdsHypervisor(directory)) await confirm?.();
  await createDiskStore(directory, model, version, symbols, image);
  return { buildId: model.buildId, version, image: read };
}

async function holdsHypervisor(directory: string): Promise<boolean> {
  try {
    await lstat(join(directory, 'hypervisor.json'));
    return true;
  } catch (cause) {
    const code = codeOf(cause);
    // What is wrong with a path below a file is said when it is created.
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    const message = `${directory} cannot be used: ${reasonOf(cause)}`;
    throw new XspliceError('state-not-writable', message, { cause });
  }
}

/**
 * Opens the hypervisor whose state lies in this directory. `given` is the image that it was created from; fails
 * with `wrong-image` where it is another.
 */
export async function openEmbedded(
  directory: string,
  given: HypervisorImage | null,
): Promise<OpenHost> {
  let symbols = readXensyms('');
  const store = await DiskStore.open(directory, (text) => {
    symbols = readXensyms(text);
    return symbols;
  });
  if (given !== null) requireImage(given, (await store.read()).buildId, store.version);
  const spec = `embedded:${directory}`;
  const port = new ModelPort({ spec, tellsReverted: true, tellsPlaces: true }, store);
  const preflightModel = async (snapshot: Snapshot): Promise<PreflightModel> => {
    const model = await port.modelOf(snapshot);
    return {
      model,
      version: store.version,
      unknown: [],
      opaque: [],
      symbols,
      image: () => imageOf(store, given),
    };
  };
  return {
    port,
    preflightModel,
    memory: localFolder(join(directory, MEMORY_FOLDER)),
    rules: null,
    bootId: async () => store.bootId,
    clock: () => clockOf(thisMachine),
    tookBack: async () => null,
  };
}

/** Its files, of which little is read: the code that knows more of them is for a Xen. */
const thisMachine = {
  read: (path: string) => readRegular(path, Number.POSITIVE_INFINITY).catch(() => null),
};

/** The image of an embedded hypervisor: the one given, or else the one kept with its state. */
async function imageOf(store: DiskStore, given: HypervisorImage | null): Promise<HypervisorImage> {
  if (given !== null) return given;
  const kept = await store.image(MAX_IMAGE_SIZE);
  if (kept !== null) return readImage(kept.bytes, kept.file);
  throw new XspliceError(
    'host-no-image',
    'This embedded hypervisor was created without its image',
    {
      hint: 'Name the image that it was created from with --image.',
    },
  );
}
