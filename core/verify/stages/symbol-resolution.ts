import { XEN_ERRNO } from '../../abi/errno.js';
import {
  ELF_SYM,
  hasMaxFaults,
  isIgnored,
  named,
  neededAddress,
  refuse,
  type Stage,
  type StageResult,
} from '../loading.js';
import { wrap64 } from '../memory.js';

const SHN_UNDEF = 0;
const SHN_LORESERVE = 0xff00;
const SHN_ABS = 0xfff1;
const SHN_COMMON = 0xfff2;

/**
 * livepatch_elf_resolve_symbols: undefined symbols are looked up in Xen, then in the new symbols of
 * all loaded payloads; the others get their section's address. All releases.
 */
export const symbolResolution: Stage = (loading) => {
  const { memory } = loading;
  let fault: StageResult = 0;
  for (let i = 1; i < loading.symbols.length && !hasMaxFaults(loading); i++) {
    const symbol = loading.symbols[i];
    if (!symbol) continue;
    const index = memory.u16(wrap64(symbol.address + ELF_SYM.shndx));
    const valueAddress = wrap64(symbol.address + ELF_SYM.value);
    let value = memory.u64(valueAddress);

    if (index === SHN_COMMON) {
      const name = memory.printed(symbol.nameAddress);
      const where = {
        ...({ reason: 'common-symbol' } as const),
        ...{ symbol: name, actual: 'a common symbol' },
      };
      fault = refuse(loading, XEN_ERRNO.EINVAL, `: Unexpected common symbol: ${name}`, where);
      continue;
    }
    if (index === SHN_UNDEF) {
      const name = memory.name(symbol.nameAddress);
      const found = neededAddress(loading, name);
      if (found === null) {
        fault = refuse(loading, XEN_ERRNO.ENOENT, `: Unknown symbol: ${name}`, {
          reason: 'unknown-symbol',
          symbol: name,
        });
        continue;
      }
      value = found;
    } else if (index !== SHN_ABS) {
      const section = index >= SHN_LORESERVE ? undefined : loading.sections[index];
      if (!section) {
        const errno = index >= SHN_LORESERVE ? XEN_ERRNO.EOPNOTSUPP : XEN_ERRNO.EINVAL;
        const text = `0x${index.toString(16)}`;
        fault = refuse(loading, errno, `: Out of bounds symbol section ${text}`, {
          reason: 'symbol-section',
          ...named(loading, { symbol: symbol.nameAddress }),
          expected: `a section below ${loading.sections.length}`,
          actual: text,
        });
        continue;
      }
      if (isIgnored(loading, section)) {
        symbol.ignored = loading.rules.has('ignoredSymbols');
        continue;
      }
      value = wrap64(value + section.loadAddress);
    }
    memory.setU64(valueAddress, value);
  }
  return fault;
};
