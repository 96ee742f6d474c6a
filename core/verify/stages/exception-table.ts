import { LIVEPATCH_MAX_SIZE, SECTION } from '../../abi/livepatch.js';
import {
  checkWholeEntries,
  contentsAddress,
  loadingSectionByName,
  type Stage,
} from '../loading.js';
import { MemoryFault, wrap64 } from '../memory.js';

const ENTRY_BYTES = 8;
/** A payload file has no room for more. */
const MAX_ENTRIES = BigInt(LIVEPATCH_MAX_SIZE / ENTRY_BYTES);

/** `.ex_table` in prepare_payload: whole entries, which are then sorted in place. All releases. */
export const exceptionTable: Stage = (loading) => {
  const { memory } = loading;
  const section = loadingSectionByName(loading, SECTION.exTable);
  if (!section) return 0;
  const fault = checkWholeEntries(loading, section, ENTRY_BYTES);
  if (fault) return fault;
  const start = contentsAddress(loading, section);
  loading.doing = { reason: 'exception-table', section: SECTION.exTable };
  const entriesInFile = section.header.size / BigInt(ENTRY_BYTES);
  if (entriesInFile > MAX_ENTRIES) {
    // sort() begins at the last parent of the heap, far behind everything that is mapped.
    throw new MemoryFault('read', wrap64(start + (entriesInFile / 2n) * BigInt(ENTRY_BYTES)));
  }
  const count = Number(entriesInFile);

  // Both fields are relative to themselves (asm/uaccess.h, struct exception_table_entry).
  const entries = Array.from({ length: count }, (_, i) => {
    const at = wrap64(start + BigInt(i * ENTRY_BYTES));
    return {
      fault: wrap64(at + BigInt(memory.i32(at))),
      fixup: wrap64(at + 4n + BigInt(memory.i32(at + 4n))),
    };
  });
  entries.sort((a, b) => (a.fault < b.fault ? -1 : a.fault > b.fault ? 1 : 0));
  entries.forEach(({ fault, fixup }, i) => {
    const at = wrap64(start + BigInt(i * ENTRY_BYTES));
    memory.setU32(at, Number(BigInt.asUintN(32, fault - at)));
    memory.setU32(at + 4n, Number(BigInt.asUintN(32, fixup - (at + 4n))));
  });
  return 0;
};
