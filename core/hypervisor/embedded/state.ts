import { type BuildId, parseBuildId } from '../../abi/ids.js';
import { formatRelease, parseRelease } from '../../abi/release.js';
import { XspliceError } from '../../findings/index.js';
import {
  AddressSpace,
  type Model,
  type ModelPayload,
  type Region,
  rulesFor,
  type SymbolLookup,
} from '../../verify/index.js';
import { type BlobFolder, damaged } from './blobs.js';

/** Version of the state file. A newer one is refused, never guessed at. */
export const STATE_FORMAT_VERSION = 1;

/** The file of an image, kept with the state. */
export interface KeptImage {
  /** As it was named when the hypervisor was created. */
  readonly file: string;
  readonly sha256: string;
}

/** What a state holds besides the model, which no operation changes. */
export interface Beside {
  /** Digest of the symbol table as text; null where the image had none. */
  readonly symbols: string | null;
  readonly image: KeptImage | null;
}

/** A model as JSON: addresses as hex, memory and symbols as digests of files beside it. */
export interface StateFile {
  readonly formatVersion: number;
  readonly release: string;
  readonly version: string;
  readonly buildId: string | null;
  /** Digest of the symbol table as text; null where the image had none. */
  readonly symbols: string | null;
  /** The image it was booted from, as a gzipped file beside it. Absent where none was kept. */
  readonly image?: KeptImage;
  readonly vmapStart: string;
  readonly regions: readonly {
    readonly base: string;
    readonly writable: boolean;
    readonly label: string;
    readonly sha256: string;
  }[];
  readonly payloads: readonly unknown[];
  readonly applied: readonly string[];
}

/** Writes the memory to the blob folder and returns the rest. */
export async function encodeState(
  model: Model,
  version: string,
  { symbols, image }: Beside,
  blobs: BlobFolder,
): Promise<StateFile> {
  const regions = [];
  for (const { base, bytes, writable, label } of model.memory.regions) {
    regions.push({ base: hex(base), writable, label, sha256: await blobs.write(bytes) });
  }
  return {
    formatVersion: STATE_FORMAT_VERSION,
    release: formatRelease(model.rules.release),
    version,
    buildId: model.buildId,
    symbols,
    ...(image === null ? {} : { image }),
    vmapStart: hex(model.vmapStart),
    regions,
    payloads: model.payloads.map(encodeValue),
    applied: model.applied,
  };
}

/**
 * The model that a state file describes. Fails with `state-too-new` for a newer format, with
 * `state-damaged` where something is missing.
 */
export async function decodeState(
  state: StateFile,
  blobs: BlobFolder,
  symbols: SymbolLookup,
): Promise<Model> {
  const release = parseRelease(state.release);
  if (!release) throw damaged(`release ${JSON.stringify(state.release)} is not a Xen release`);
  const rules = rulesFor(release);
  const regions: Region[] = [];
  for (const { base, writable, label, sha256 } of state.regions) {
    regions.push({ base: readAddress(base), writable, label, bytes: await blobs.read(sha256) });
  }
  const payloads = state.payloads.map(decodePayload);
  for (const name of state.applied) {
    if (!payloads.some((p) => p.name === name && p.state === 'APPLIED')) {
      throw damaged(`${JSON.stringify(name)} is in the stack, but not loaded and applied`);
    }
  }
  return {
    rules,
    buildId: state.buildId === null ? null : readBuildId(state.buildId),
    symbols,
    memory: new AddressSpace(regions),
    vmapStart: readAddress(state.vmapStart),
    payloads,
    applied: state.applied,
  };
}

function readAddress(text: string): bigint {
  if (!/^0x[0-9a-f]{1,16}$/.test(text)) throw damaged(`${JSON.stringify(text)} is no address`);
  return BigInt(text);
}

function readBuildId(text: string): BuildId {
  try {
    return parseBuildId(text);
  } catch (cause) {
    throw damaged(`${JSON.stringify(text)} is no build-id`, cause);
  }
}

function decodePayload(encoded: unknown): ModelPayload {
  const value = decodeValue(encoded);
  if (!isModelPayload(value)) throw damaged('a payload lacks fields of its format');
  return value;
}

type Test = (value: unknown) => boolean;

const isString: Test = (value) => typeof value === 'string';
const isNumber: Test = (value) => Number.isSafeInteger(value);
const isBoolean: Test = (value) => typeof value === 'boolean';
const isAddress: Test = (value) => typeof value === 'bigint';
const listOf =
  (test: Test): Test =>
  (value) =>
    Array.isArray(value) && value.every(test);
const orNull =
  (test: Test): Test =>
  (value) =>
    value === null || test(value);
const shapeOf =
  (fields: Readonly<Record<string, Test>>): Test =>
  (value) =>
    isRecord(value) && Object.entries(fields).every(([name, test]) => test(value[name]));

const isSpan = shapeOf({ address: isAddress, sizeBytes: isAddress });
const isIdSpan = shapeOf({ address: isAddress, length: isNumber });
const isTable = shapeOf({ address: isAddress, count: isNumber });

const PAYLOAD_FIELDS: Readonly<Record<keyof ModelPayload, Test>> = {
  name: isString,
  state: (value) => value === 'CHECKED' || value === 'APPLIED',
  rc: isNumber,
  reverted: isBoolean,
  safeToReapply: isBoolean,
  allocation: shapeOf({ base: isAddress, pages: isAddress }),
  text: isSpan,
  rw: isSpan,
  ro: isSpan,
  funcs: isTable,
  functionStates: listOf(
    shapeOf({
      applied: isBoolean,
      patchOffset: isNumber,
      savedBytes: (value) => value instanceof Uint8Array,
    }),
  ),
  symbols: listOf(
    shapeOf({ name: isString, value: isAddress, size: isAddress, newSymbol: isBoolean }),
  ),
  buildId: isIdSpan,
  depends: isIdSpan,
  xenDepends: orNull(isIdSpan),
  hooks: (value) => isRecord(value) && Object.values(value).every(isTable),
  metadata: orNull(isSpan),
};

function isModelPayload(value: unknown): value is ModelPayload {
  return shapeOf(PAYLOAD_FIELDS)(value);
}

/** Reads a state file's text. */
export function parseStateFile(text: string): StateFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged('the state file is not JSON', cause);
  }
  const found = isRecord(value) ? value['formatVersion'] : undefined;
  if (typeof found !== 'number') throw damaged('the state file has no formatVersion');
  if (found > STATE_FORMAT_VERSION) {
    throw new XspliceError(
      'state-too-new',
      `The embedded hypervisor was written in format ${found}; this version of xsplice-ts knows format ${STATE_FORMAT_VERSION}`,
    );
  }
  if (!isStateFile(value)) throw damaged('the state file lacks fields of its format');
  return value;
}

function isStateFile(value: unknown): value is StateFile {
  if (!isRecord(value)) return false;
  const isText = (field: string) => typeof value[field] === 'string';
  const isTextOrNull = (field: string) => value[field] === null || isText(field);
  return (
    isText('release') &&
    isText('version') &&
    isText('vmapStart') &&
    isTextOrNull('buildId') &&
    isTextOrNull('symbols') &&
    (value['image'] === undefined || isKeptImage(value['image'])) &&
    Array.isArray(value['regions']) &&
    value['regions'].every(
      (region) =>
        isRecord(region) &&
        typeof region['base'] === 'string' &&
        typeof region['writable'] === 'boolean' &&
        typeof region['label'] === 'string' &&
        typeof region['sha256'] === 'string',
    ) &&
    Array.isArray(value['payloads']) &&
    Array.isArray(value['applied']) &&
    value['applied'].every((name) => typeof name === 'string')
  );
}

const isKeptImage: Test = shapeOf({ file: isString, sha256: isString });

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** JSON has neither bigints nor bytes: `{"$u64": "0x…"}` and `{"$bytes": "…"}` stand for them. */
function encodeValue(value: unknown): unknown {
  if (typeof value === 'bigint') return { $u64: hex(value) };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('hex') };
  if (Array.isArray(value)) return value.map(encodeValue);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, encodeValue(v)]));
}

function decodeValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decodeValue);
  if (!isRecord(value)) return value;
  if (typeof value['$u64'] === 'string') return readAddress(value['$u64']);
  if (typeof value['$bytes'] === 'string') return Buffer.from(value['$bytes'], 'hex');
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, decodeValue(v)]));
}
