import { XEN_ERRNO } from '../../abi/errno.js';
import { ELF_SYM, isIgnored, refuse, type Stage, type StageResult } from '../loading.js';
import { wrap64 } from '../memory.js';
import { lookupInPayloads } from '../model.js';

const SHN_UNDEF = 0;
const SHN_LORESERVE = 0xff00;
const SHN_ABS = 0xfff1;
const SHN_COMMON = 0xfff2;

/**
 * livepatch_elf_resolve_symbols: undefined symbols are looked up in Xen, then in the new symbols of
 * all loaded payloads; the others get their section's address. All releases.
 */
export const symbolResolution: Stage = (loading) => {
  const { memory, model } = loading;
  for (let i = 1; i < loading.symbols.length; i++) {
    const symbol = loading.symbols[i];
    if (!symbol) continue;
    const index = memory.u16(wrap64(symbol.address + ELF_SYM.shndx));
    const valueAddress = wrap64(symbol.address + ELF_SYM.value);
    let value = memory.u64(valueAddress);

    if (index === SHN_COMMON) {
      const name = memory.printed(symbol.nameAddress);
      return refuse(loading, XEN_ERRNO.EINVAL, `: Unexpected common symbol: ${name}`);
    }
    if (index === SHN_UNDEF) {
      const name = memory.string(symbol.nameAddress).text;
      const found = model.symbols.lookup(name) ?? lookupInPayloads(model, name);
      if (found === null) {
        return refuse(loading, XEN_ERRNO.ENOENT, `: Unknown symbol: ${name}`);
      }
      value = found;
    } else if (index !== SHN_ABS) {
      if (index >= SHN_LORESERVE) return outOfBounds(XEN_ERRNO.EOPNOTSUPP);
      const section = loading.sections[index];
      if (!section) return outOfBounds(XEN_ERRNO.EINVAL);
      if (isIgnored(loading, section)) {
        symbol.ignored = loading.rules.has('ignoredSymbols');
        continue;
      }
      value = wrap64(value + section.loadAddress);
    }
    memory.setU64(valueAddress, value);

    function outOfBounds(errno: number): StageResult {
      return refuse(loading, errno, `: Out of bounds symbol section 0x${index.toString(16)}`);
    }
  }
  return 0;
};
