import { parseBuildId } from '../../abi/ids.js';
import { formatRelease, parseRelease } from '../../abi/release.js';
import { XspliceError } from '../../errors.js';
import { type Model, type ModelPayload, rulesFor } from '../../verify/index.js';
import { AddressSpace, type Region } from '../../verify/memory.js';
import type { SymbolLookup } from '../../verify/model.js';
import { type BlobFolder, damaged } from './blobs.js';

/** Version of the state file. A newer one is refused, never guessed at. */
export const STATE_FORMAT_VERSION = 1;

/** A model as JSON: addresses as hex, memory and symbols as digests of files beside it. */
export interface StateFile {
  readonly formatVersion: number;
  readonly release: string;
  readonly version: string;
  readonly buildId: string | null;
  /** Digest of the symbol table as text; null where the image had none. */
  readonly symbols: string | null;
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
  symbols: string | null,
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
  const regions: Region[] = [];
  for (const { base, writable, label, sha256 } of state.regions) {
    regions.push({ base: BigInt(base), writable, label, bytes: await blobs.read(sha256) });
  }
  return {
    rules: rulesFor(release),
    buildId: state.buildId === null ? null : parseBuildId(state.buildId),
    symbols,
    memory: new AddressSpace(regions),
    vmapStart: BigInt(state.vmapStart),
    payloads: state.payloads.map((payload) => decodeValue(payload) as ModelPayload),
    applied: state.applied,
  };
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
      { hint: 'Update xsplice-ts, or use another directory.' },
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
    Array.isArray(value['regions']) &&
    value['regions'].every(
      (region) =>
        isRecord(region) &&
        typeof region['base'] === 'string' &&
        typeof region['sha256'] === 'string',
    ) &&
    Array.isArray(value['payloads']) &&
    value['payloads'].every(
      (payload) => isRecord(payload) && typeof payload['name'] === 'string',
    ) &&
    Array.isArray(value['applied'])
  );
}

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
  if (typeof value['$u64'] === 'string') return BigInt(value['$u64']);
  if (typeof value['$bytes'] === 'string') return Buffer.from(value['$bytes'], 'hex');
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, decodeValue(v)]));
}
