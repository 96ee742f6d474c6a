import type { BuildId } from '../abi/ids.js';
import { KSYM_NAME_LEN } from '../abi/livepatch.js';
import type { XenRelease } from '../abi/release.js';
import { createModel, type Model, rulesFor, type SymbolLookup } from '../verify/index.js';

/** XEN_VIRT_START + 2 MiB, where Xen's code begins (asm/config.h): up to 4.13, and since. */
const TEXT_STARTS = { old: 0xffff82d0_80200000n, new: 0xffff82d0_40200000n } as const;
/** The last minor version with the old one. */
const LAST_OLD = 13;
/** Ours: what of Xen can be replaced by its address. A Xen of 4.22 with everything is 5 MiB. */
const IMAGE_BYTES = 32n * 1024n * 1024n;
/** Ours: names that have an address of their own. A payload of the size that Xen takes has a sixth of these. */
const MAX_NAMES = 512 * 1024;
/** Ours: more than any patch overwrites, so that no two functions meet. */
const BYTES_OF_A_NAME = 64n;

/**
 * A hypervisor of which only its release is known, and its build-id (null: not even that). Its loader keeps the
 * rules of that release; it has every symbol that it is asked for, at some address, and what is in its memory is not
 * known. Fails with `unknown-release` as rulesFor does.
 */
export function modelFromRelease(release: XenRelease, buildId: BuildId | null): Model {
  const base = release.minor > LAST_OLD ? TEXT_STARTS.new : TEXT_STARTS.old;
  const end = base + IMAGE_BYTES + BigInt(MAX_NAMES) * BYTES_OF_A_NAME;
  const bytes = new Uint8Array(Number(end - base));
  return createModel({
    rules: rulesFor(release),
    buildId,
    symbols: assumedSymbols(base + IMAGE_BYTES, end),
    regions: [
      { base, bytes, writable: false, holds: 'text', isKnown: false, label: 'assumed text' },
    ],
  });
}

/** One name has one address; those that come after all have the last. Payloads are put behind these. */
function assumedSymbols(start: bigint, end: bigint): SymbolLookup {
  const known = new Map<string, bigint>([['__2M_rwdata_end', end]]);
  return {
    isAssumed: true,
    lookup(name) {
      // No name of Xen's is as long.
      if (name.length >= KSYM_NAME_LEN) return null;
      const found = known.get(name);
      if (found !== undefined) return found;
      const address = start + BigInt(Math.min(known.size, MAX_NAMES) - 1) * BYTES_OF_A_NAME;
      if (known.size <= MAX_NAMES) known.set(name, address);
      return address;
    },
  };
}
