import type { BuildId } from '../abi/ids.js';
import { XspliceError } from '../findings/index.js';
import { DiskStore, ModelPort } from '../hypervisor/embedded/index.js';
import { type HypervisorImage, MAX_IMAGE_SIZE, readImage, readXensyms } from '../image/index.js';
import type { OpenHost, PreflightModel } from './host.js';
import { requireImage } from './require-image.js';

/** Opens the hypervisor whose state lies in this directory. `given` is the image that it was created from. */
export async function openEmbedded(
  directory: string,
  given: HypervisorImage | null,
): Promise<OpenHost> {
  let symbols = readXensyms('');
  const store = await DiskStore.open(directory, (text) => {
    symbols = readXensyms(text);
    return symbols;
  });
  const spec = `embedded:${directory}`;
  const port = new ModelPort({ spec, tellsReverted: true, tellsPlaces: true }, store);
  const preflightModel = async (): Promise<PreflightModel> => {
    const model = await store.read();
    return {
      model,
      version: store.version,
      unknown: [],
      opaque: [],
      symbols,
      image: () => imageOf(store, model.buildId, given),
    };
  };
  return { port, preflightModel };
}

/** The image of an embedded hypervisor: the one given, or else the one kept with its state. */
async function imageOf(
  store: DiskStore,
  buildId: BuildId | null,
  given: HypervisorImage | null,
): Promise<HypervisorImage> {
  if (given !== null) {
    requireImage(given, buildId);
    return given;
  }
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
