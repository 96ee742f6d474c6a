import { PAGE_SIZE } from '../abi/address.js';
import type { BuildId } from '../abi/ids.js';
import { AddressSpace, type Region } from './memory.js';
import type { Model, SymbolLookup } from './model.js';
import type { Rules } from './rules.js';

/** What is known of a hypervisor before any payload is loaded. */
export interface HypervisorFacts {
  readonly rules: Rules;
  readonly buildId: BuildId | null;
  readonly symbols: SymbolLookup;
  /** What is mapped while it runs, at Xen's addresses; code of init sections is gone by then. */
  readonly regions: readonly Region[];
}

const LARGE_PAGE = 2n * 1024n * 1024n;

/** A running hypervisor with no payload. */
export function createModel({ rules, buildId, symbols, regions }: HypervisorFacts): Model {
  return {
    rules,
    buildId,
    symbols,
    memory: new AddressSpace(regions),
    vmapStart: vmapStart(rules, symbols, regions),
    payloads: [],
    applied: [],
  };
}

/**
 * arch_livepatch_init (x86): payloads go behind the hypervisor's own image, at __2M_rwdata_end since
 * 4.17, before at xen_virt_end, the end rounded up to 2 MiB.
 */
function vmapStart(rules: Rules, symbols: SymbolLookup, regions: readonly Region[]): bigint {
  const symbol = rules.has('behindData') ? symbols.lookup('__2M_rwdata_end') : null;
  if (symbol !== null) return alignUp(symbol, PAGE_SIZE);
  const end = regions.reduce((most, { base, bytes }) => {
    const last = base + BigInt(bytes.length);
    return last > most ? last : most;
  }, 0n);
  return alignUp(end, LARGE_PAGE);
}

function alignUp(address: bigint, to: bigint): bigint {
  return ((address + to - 1n) / to) * to;
}
