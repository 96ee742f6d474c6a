import { PAGE_SIZE } from '../abi/address.js';
import type { BuildId } from '../abi/ids.js';
import { formatRelease, type XenRelease } from '../abi/release.js';
import type { SymbolTable } from '../image/index.js';
import { createModel, type Model, type Region, rulesFor } from '../verify/index.js';
import { MAX_MEMORY_SIZE } from './limits.js';

/** What is mapped once Xen has booted, between symbols of its linker script (arch/x86/xen.lds.S). */
const PARTS: readonly (readonly [
  start: string,
  end: string,
  rest: Pick<Region, 'writable' | 'holds' | 'label'>,
])[] = [
  ['_stext', '__2M_text_end', { writable: false, holds: 'text', label: 'xen text' }],
  [
    '__2M_rodata_start',
    '__2M_rodata_end',
    { writable: false, holds: 'rodata', label: 'xen rodata' },
  ],
  ['__2M_rwdata_start', '__2M_rwdata_end', { writable: true, label: 'xen data' }],
];

/** What a model without an image does not know, for those who read its verdicts. */
export const UNKNOWN_BYTES = "the bytes of the hypervisor's code, since no image of it was found";

/** What the running Xen itself tells: its symbols, and what it is. */
export interface RunningXen {
  readonly buildId: BuildId;
  readonly release: XenRelease;
  readonly symbols: SymbolTable;
}

/**
 * The model of a hypervisor of which only the symbols are known, without payloads: what is mapped
 * follows from them, what is in it does not, and verdicts say where they had to assume it. Or a sentence
 * that says why these symbols are not enough. Fails with `unknown-release` as rulesFor does.
 */
export function modelFromSymbols({ buildId, release, symbols }: RunningXen): Model | string {
  const regions: Region[] = [];
  for (const [startName, endName, rest] of PARTS) {
    const start = symbols.lookup(startName);
    const last = symbols.lookup(endName);
    if (start === null || last === null) {
      const missing = start === null ? startName : endName;
      return `the symbols of the running Xen ${formatRelease(release)} lack ${missing}`;
    }
    const base = (start / PAGE_SIZE) * PAGE_SIZE;
    const end = ((last + PAGE_SIZE - 1n) / PAGE_SIZE) * PAGE_SIZE;
    const sizeBytes = end - base;
    if (sizeBytes <= 0n || sizeBytes > MAX_MEMORY_SIZE) {
      return `the symbols ${startName} and ${endName} are ${last - start} bytes apart`;
    }
    regions.push({ base, bytes: new Uint8Array(Number(sizeBytes)), isKnown: false, ...rest });
  }
  return createModel({ rules: rulesFor(release), buildId, symbols, regions });
}
