import type { BuildId } from '../abi/ids.js';
import { nameText } from '../abi/payload-name.js';
import type { XenRelease } from '../abi/release.js';
import { XspliceError } from '../findings/index.js';
import { DiskStore, ModelPort } from '../hypervisor/embedded/index.js';
import type { HypervisorPort, Snapshot } from '../hypervisor/index.js';
import {
  type HypervisorImage,
  MAX_IMAGE_SIZE,
  readImage,
  readXensyms,
  type SymbolTable,
} from '../image/index.js';
import type { PayloadInput } from '../payload/index.js';
import { type JudgedRelease, judgedAs, type Model } from '../verify/index.js';
import { findImage } from './find-image.js';
import { modelFromImage } from './image-model.js';
import { modelForSnapshot } from './observed-model.js';
import { modelFromSymbols, UNKNOWN_BYTES } from './symbols-model.js';

/** Which hypervisor is meant, as --host says it. */
export type HostSpec =
  | { readonly kind: 'xen' }
  | { readonly kind: 'embedded'; readonly directory: string };

/** A model to try a plan on, with what is not known of it in words; or why there is none. */
export type PreflightModel =
  | {
      readonly model: Model;
      readonly version: string;
      readonly unknown: readonly string[];
      /** Names of loaded payloads whose contents are not at hand, unescaped. */
      readonly opaque: readonly string[];
      /** The hypervisor's symbols, with sizes as far as they are known. */
      readonly symbols: SymbolTable;
      /** The image that was booted. Fails with `host-no-image` where it is not at hand. */
      image(): Promise<HypervisorImage>;
    }
  | { readonly model: null; readonly why: string };

/** What the caller knows of a hypervisor that it does not tell itself. */
export interface HostKnowledge {
  /** The file it was booted from. */
  readonly image?: HypervisorImage | null;
  /** The release whose rules count; null, the default, is what it says it is. */
  readonly release?: XenRelease | null;
}

/** A hypervisor that can be operated, and a copy of it that can be tried on. */
export interface OpenHost {
  readonly port: HypervisorPort;
  /** Of this snapshot; payloads that are loaded are known better where their files are among these. */
  preflightModel(snapshot: Snapshot, payloads: readonly PayloadInput[]): Promise<PreflightModel>;
}

/** Reads `xen` or `embedded:DIR`. Fails with `bad-host` (exit code 64) on anything else. */
export function parseHostSpec(text: string): HostSpec {
  if (text === 'xen') return { kind: 'xen' };
  const directory = /^embedded:(.+)$/s.exec(text)?.[1];
  if (directory !== undefined) return { kind: 'embedded', directory };
  throw new XspliceError('bad-host', `Not a host: ${JSON.stringify(text)}`);
}

/** The words that name a host, as --host takes them. */
export function hostText(spec: HostSpec): string {
  return spec.kind === 'xen' ? 'xen' : `embedded:${spec.directory}`;
}

/**
 * Opens a hypervisor. The code that calls into Xen is loaded only here, when it is wanted.
 */
export async function openHost(
  spec: HostSpec,
  { image = null, release = null }: HostKnowledge = {},
): Promise<OpenHost> {
  if (spec.kind === 'xen') {
    const { openXen, OrderedPort } = await import('../hypervisor/xen/index.js');
    const port = new OrderedPort(await openXen());
    return {
      port,
      preflightModel: (snapshot, payloads) => runningModel(snapshot, { image, release }, payloads),
    };
  }
  let symbols = readXensyms('');
  const store = await DiskStore.open(spec.directory, (text) => {
    symbols = readXensyms(text);
    return symbols;
  });
  if (image !== null) requireImage(image, (await store.read()).buildId);
  const port = new ModelPort({ kind: 'embedded', spec: hostText(spec) }, store);
  const preflightModel = async (): Promise<PreflightModel> => {
    const model = await store.read();
    return {
      model,
      version: store.version,
      unknown: [],
      opaque: [],
      symbols,
      image: () => imageOf(store, image),
    };
  };
  return { port, preflightModel };
}

/** True where this machine is the control domain of a Xen. */
export async function isControlDomain(): Promise<boolean> {
  const { isDom0 } = await import('../hypervisor/xen/index.js');
  return isDom0();
}

/**
 * A model of the Xen that runs here: of the image given, or else of the one on this machine with its
 * build-id, or else of the symbols in /proc/xen/xensyms alone. An image of another build is refused with both ids.
 */
async function runningModel(
  snapshot: Snapshot,
  { image: given = null, release: named = null }: HostKnowledge,
  payloads: readonly PayloadInput[],
): Promise<PreflightModel> {
  const { buildId, version, release } = snapshot.hypervisor;
  const judged = named === null ? judgedAs(release) : { release: named, assumption: null };
  if (buildId === null) return { model: null, why: 'the running Xen has no build-id' };
  if (given !== null) requireImage(given, buildId);
  const image = given ?? (await findImage(buildId));
  if (image === null) {
    const { readRunningSymbols } = await import('../hypervisor/xen/index.js');
    return modelWithoutImage(snapshot, await readRunningSymbols(), payloads, judged);
  }
  if (image.symbols === null) return { model: null, why: `${image.file} has no symbols` };
  const booted = modelFromImage(image, judged.release).model;
  const observed = withLoaded({ ...booted, buildId }, snapshot, payloads);
  const unknown = [...assumed(judged), ...observed.unknown];
  return { ...observed, unknown, version, symbols: image.symbols, image: async () => image };
}

/**
 * A model of the Xen that runs here, of which no image was found, by the symbols that it lists itself
 * (`xensyms`, null where they cannot be read).
 */
export function modelWithoutImage(
  snapshot: Snapshot,
  xensyms: string | null,
  payloads: readonly PayloadInput[],
  judged: JudgedRelease = judgedAs(snapshot.hypervisor.release),
): PreflightModel {
  const { buildId, version } = snapshot.hypervisor;
  const why = `no image with the running Xen's build-id ${buildId} was found in /boot or /usr/lib/debug; name it with --image`;
  if (buildId === null || xensyms === null) return { model: null, why };
  const symbols = readXensyms(xensyms);
  const booted = modelFromSymbols({ buildId, release: judged.release, symbols });
  if (typeof booted === 'string') return { model: null, why: `${why} (${booted})` };
  const { model, opaque, unknown } = withLoaded(booted, snapshot, payloads);
  const noImage = () =>
    Promise.reject(
      new XspliceError('host-no-image', `Of the running Xen, only the symbols are known: ${why}`),
    );
  return {
    ...{ model, opaque, version, symbols },
    unknown: [...assumed(judged), UNKNOWN_BYTES, ...unknown],
    image: noImage,
  };
}

function assumed({ assumption }: JudgedRelease): readonly string[] {
  return assumption === null ? [] : [assumption];
}

/** The model with what is loaded, as far as it is known, and what is not, in words. */
function withLoaded(
  booted: Model,
  snapshot: Snapshot,
  payloads: readonly PayloadInput[],
): {
  readonly model: Model;
  readonly opaque: readonly string[];
  readonly unknown: readonly string[];
} {
  const { model, opaque } = modelForSnapshot(booted, snapshot, byBuildId(payloads));
  const names = opaque.map(nameText).join(', ');
  const unknown = opaque.length === 0 ? [] : [`symbols, hooks and code of ${names}, loaded before`];
  return { model, opaque, unknown };
}

/** Fails with `wrong-image` where the image is of another build. */
function requireImage({ file, buildIds }: HypervisorImage, expected: BuildId | null): void {
  if (buildIds.some(({ id }) => id === expected)) return;
  throw new XspliceError(
    'wrong-image',
    `${file} is not what runs here: its build-id is ${buildIds[0]?.id ?? 'missing'}, the hypervisor's is ${expected ?? 'missing'}`,
  );
}

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

/** Contents of these payload files by their own build-id. */
function byBuildId(payloads: readonly PayloadInput[]): ReadonlyMap<BuildId, Uint8Array> {
  return new Map(
    payloads.flatMap(({ input, planned }) =>
      planned.buildId === null ? [] : [[planned.buildId, input.bytes] as const],
    ),
  );
}
