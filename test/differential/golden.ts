import { gunzipSync, gzipSync } from 'node:zlib';
import { parseBuildId } from '../../core/abi/ids.js';
import { parseRelease } from '../../core/abi/release.js';
import { type HypervisorImage, readXensyms } from '../../core/image/index.js';
import { createModel } from '../../core/verify/create.js';
import { rulesFor } from '../../core/verify/index.js';
import type { Region } from '../../core/verify/memory.js';
import type { Model } from '../../core/verify/model.js';
import type { Said, SequenceSaid } from './compare.js';

/**
 * What a real Xen said, and the facts about it that its rules need: its id, its symbols, where it is
 * mapped and how the functions begin that the payloads replace. None of its code beyond that.
 */
export interface Golden {
  /** Debian's version of the package that was asked. */
  readonly from: string;
  readonly version: string;
  readonly buildId: string;
  /** As /proc/xen/xensyms prints it. */
  readonly symbols: string;
  readonly regions: readonly {
    readonly base: string;
    readonly sizeBytes: number;
    readonly writable: boolean;
    readonly label: string;
  }[];
  /** Bytes at an address, as hex. */
  readonly bytes: readonly (readonly [address: string, hex: string])[];
  readonly seed: number;
  /** Payloads that variants and sequences are made of, in base64. */
  readonly bases: Readonly<Record<string, string>>;
  readonly family: Readonly<Record<string, string>>;
  readonly variants: readonly Said[];
  readonly sequences: readonly SequenceSaid[];
}

/** Bytes of a replaced function that are kept: more than Xen ever compares or saves. */
export const KEPT_BYTES = 64;

export function encodeGolden(golden: Golden): Uint8Array {
  return gzipSync(JSON.stringify(golden), { level: 9 });
}

export function decodeGolden(bytes: Uint8Array): Golden {
  return JSON.parse(gunzipSync(bytes).toString('utf8')) as Golden;
}

/** The hypervisor of a golden as core/verify sees it. */
export function goldenModel(golden: Golden): Model {
  const release = parseRelease(golden.version);
  if (!release) throw new Error(`golden of no release: ${golden.version}`);
  const regions = golden.regions.map((region): Region => {
    const base = BigInt(region.base);
    const bytes = new Uint8Array(region.sizeBytes);
    for (const [address, hex] of golden.bytes) {
      const at = BigInt(address) - base;
      if (at >= 0n && at < BigInt(bytes.length)) bytes.set(Buffer.from(hex, 'hex'), Number(at));
    }
    return { base, bytes, writable: region.writable, label: region.label };
  });
  return createModel({
    rules: rulesFor(release),
    buildId: parseBuildId(golden.buildId),
    symbols: readXensyms(golden.symbols),
    regions,
  });
}

/** The facts of a model that a golden keeps. */
export function factsOf(
  model: Model,
  image: HypervisorImage,
  functions: readonly string[],
): Pick<Golden, 'regions' | 'bytes'> {
  const regions = model.memory.regions.map(({ base, bytes, writable, label }) => ({
    base: `0x${base.toString(16)}`,
    sizeBytes: bytes.length,
    writable,
    label,
  }));
  const bytes = functions.flatMap((name): [string, string][] => {
    const address = image.symbols?.lookup(name) ?? null;
    if (address === null) return [];
    const code = Buffer.from(model.memory.read(address, KEPT_BYTES)).toString('hex');
    return [[`0x${address.toString(16)}`, code]];
  });
  return { regions, bytes };
}
