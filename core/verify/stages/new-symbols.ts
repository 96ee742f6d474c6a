import { XEN_ERRNO } from '../../abi/errno.js';
import { KSYM_NAME_LEN } from '../../abi/livepatch.js';
import { functionsOf } from '../function.js';
import {
  ELF_SYM,
  hasMaxFaults,
  type Loading,
  type LoadingSymbol,
  refuse,
  SHF_ALLOC,
  SHF_MERGE,
  type Stage,
  type StageResult,
  symbolValue,
} from '../loading.js';
import { wrap64 } from '../memory.js';
import { isNameTaken, type PayloadSymbol } from '../model.js';

/**
 * build_symbol_table: every symbol of a loaded section that is not one of the new functions must be
 * new to Xen and to all loaded payloads. All releases.
 */
export const newSymbols: Stage = (loading) => {
  const { memory, model, rules, draft } = loading;
  const newAddresses = new Set(functionsOf(memory, rules, draft).map((func) => func.newAddress));
  const symbols: PayloadSymbol[] = [];
  draft.symbols = symbols;
  let fault: StageResult = 0;

  for (const symbol of loading.symbols.slice(1)) {
    if (hasMaxFaults(loading)) break;
    const name = payloadSymbolName(loading, symbol);
    if (name === null) continue;
    const value = symbolValue(loading, symbol);
    const newSymbol = !newAddresses.has(value);
    if (newSymbol && isNameTaken(model, name)) {
      fault = refuse(loading, XEN_ERRNO.EEXIST, `: duplicate new symbol: ${name}`, {
        reason: 'symbol-exists',
        symbol: name,
      });
      continue;
    }
    const size = memory.u64(wrap64(symbol.address + ELF_SYM.size));
    symbols.push({ name, value, size, newSymbol });
  }
  return fault;
};

/** The copies are made with strlcpy(…, KSYM_NAME_LEN). */
const MAX_NAME_BYTES = KSYM_NAME_LEN - 1;

/** is_payload_symbol: the name, or null for a symbol that stays out of the table. */
function payloadSymbolName(loading: Loading, symbol: LoadingSymbol): string | null {
  const index = loading.memory.u16(wrap64(symbol.address + ELF_SYM.shndx));
  const section = index === 0 ? undefined : loading.sections[index];
  if (!section) return null;
  const flags = section.header.flags;
  if (!(flags & SHF_ALLOC)) return null;
  const name = loading.memory.name(symbol.nameAddress, MAX_NAME_BYTES);
  if (name === '') return null;
  return flags & SHF_MERGE && name.startsWith('.L') ? null : name;
}
