import { createHash } from 'node:crypto';
import { LIVEPATCH_FUNC } from '../../abi/livepatch.js';
import { isRecord, Malformed } from '../../files/index.js';
import { XspliceError } from '../../findings/index.js';
import {
  AddressSpace,
  type Model,
  type ModelPayload,
  PAGE_SIZE,
  type Region,
  type Rules,
  rulesFor,
  type SymbolLookup,
} from '../../verify/index.js';
import type { BlobFolder, BlobWriter } from './blobs.js';
import { damaged } from './damaged.js';
import { storedFromFormat1 } from './format-1.js';
import { type KeptImage, type StoredModel, storedModel } from './stored-model.js';

/** Version of the state file. A newer one is refused, never guessed at. */
export const STATE_FORMAT_VERSION = 2;

type Span = ModelPayload['text'];

/** What a state holds besides the model, which no operation changes. */
export type Origin = Pick<StoredModel, 'version' | 'symbols' | 'image' | 'bootId'>;

export type { KeptImage, StoredModel };

/** Writes the memory to the blob folder and returns the rest. */
export async function storeModel(
  { rules, memory, buildId, vmapStart, payloads, applied }: Model,
  { version, symbols, image, bootId }: Origin,
  blobs: Pick<BlobWriter, 'write'>,
): Promise<StoredModel> {
  const regions = [];
  for (const { bytes, ...mapping } of memory.regions) {
    regions.push({ ...mapping, sha256: await blobs.write(bytes) });
  }
  const { release } = rules;
  const boot = bootId === undefined ? {} : { bootId };
  return {
    ...{ release, version, buildId, symbols, image, ...boot },
    ...{ vmapStart, regions, payloads, applied },
  };
}

/** The model that was stored. Fails with `state-damaged` where its parts do not fit together. */
export async function loadModel(
  { release, buildId, vmapStart, regions: stored, payloads, applied }: StoredModel,
  blobs: Pick<BlobFolder, 'read'>,
  symbols: SymbolLookup,
): Promise<Model> {
  const regions: Region[] = [];
  for (const { sha256, ...mapping } of stored) {
    regions.push({ ...mapping, bytes: await blobs.read(sha256) });
  }
  const rules = rulesFor(release);
  requireApart(regions);
  const memory = new AddressSpace(regions);
  for (const payload of payloads) requireMapped(memory, regions, rules, payload);
  for (const name of applied) {
    if (!payloads.some((p) => p.name === name && p.state === 'APPLIED')) {
      throw damaged(`${JSON.stringify(name)} is in the stack, but not loaded and applied`);
    }
  }
  return { rules, buildId, symbols, memory, vmapStart, payloads, applied };
}

/** The text of a state file: the state, and its digest, so that a bit that flipped is seen. */
export function formatState(stored: StoredModel): string {
  const state = storedModel.encode(stored);
  return JSON.stringify({ formatVersion: STATE_FORMAT_VERSION, sha256: digestOf(state), state });
}

/**
 * Reads a state file's text, also that of an older format. Fails with `state-too-new` for a newer one, with
 * `state-damaged` where something is missing.
 */
export function parseState(text: string): StoredModel {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged('the state file is not JSON', cause);
  }
  const found = isRecord(value) ? value['formatVersion'] : undefined;
  if (!isRecord(value) || typeof found !== 'number' || !Number.isSafeInteger(found) || found < 1) {
    throw damaged('the state file has no formatVersion');
  }
  if (found > STATE_FORMAT_VERSION) {
    throw new XspliceError(
      'state-too-new',
      `The embedded hypervisor was written in format ${found}; this version of xsplice-ts knows format ${STATE_FORMAT_VERSION}`,
    );
  }
  if (found === 1) return decoded(storedFromFormat1(value));
  const { sha256, state } = value;
  if (sha256 !== digestOf(state)) throw damaged('the state file is not what its digest says');
  return decoded(state);
}

function decoded(state: unknown): StoredModel {
  try {
    return storedModel.decode(state, '');
  } catch (error) {
    throw error instanceof Malformed ? damaged(error.message) : error;
  }
}

function digestOf(state: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(state) ?? '')
    .digest('hex');
}

function requireApart(regions: readonly Region[]): void {
  const sorted = [...regions].sort((a, b) => (a.base < b.base ? -1 : 1));
  for (const [index, { base, label }] of sorted.entries()) {
    const below = sorted[index - 1];
    if (below === undefined || below.base + BigInt(below.bytes.length) <= base) continue;
    throw damaged(`the memory ${JSON.stringify(label)} overlaps ${JSON.stringify(below.label)}`);
  }
}

/**
 * The payload's own pages are mapped, and what begins in mapped memory ends there. What Xen kept of a file's
 * buffer, which is freed, begins nowhere.
 */
function requireMapped(
  memory: AddressSpace,
  regions: readonly Region[],
  rules: Rules,
  payload: ModelPayload,
): void {
  const { name, allocation, text, rw, ro, funcs, buildId, depends, xenDepends, metadata } = payload;
  const pages = { address: allocation.base, sizeBytes: allocation.pages * PAGE_SIZE };
  const entryBytes = BigInt(LIVEPATCH_FUNC.sizeBytes[rules.payloadVersion]);
  const ids = [buildId, depends, ...(xenDepends === null ? [] : [xenDepends])];
  const spans = [
    ...[text, rw, ro, ...(metadata === null ? [] : [metadata])],
    ...ids.map(({ address, length }) => ({ address, sizeBytes: BigInt(length) })),
    { address: funcs.address, sizeBytes: BigInt(funcs.count) * entryBytes },
  ];
  const end = allocation.base + pages.sizeBytes;
  const isWhole =
    mappedBytes(regions, pages) === pages.sizeBytes &&
    payload.functionStates.length === funcs.count &&
    spans.every((span) => {
      const isOwn = span.address >= allocation.base && span.address + span.sizeBytes <= end;
      return (
        isOwn || !memory.isMapped(span.address) || mappedBytes(regions, span) === span.sizeBytes
      );
    });
  if (!isWhole) throw damaged(`memory of the payload ${JSON.stringify(name)} is missing`);
}

/** How many bytes of a span are in these regions, which lie apart. */
function mappedBytes(regions: readonly Region[], { address, sizeBytes }: Span): bigint {
  const end = address + sizeBytes;
  return regions.reduce((sum, { base, bytes }) => {
    const last = base + BigInt(bytes.length);
    const from = base > address ? base : address;
    const to = last < end ? last : end;
    return to > from ? sum + (to - from) : sum;
  }, 0n);
}
