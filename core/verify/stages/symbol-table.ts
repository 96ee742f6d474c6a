import { XEN_ERRNO } from '../../abi/errno.js';
import { type LoadingSymbol, refuse, type Stage } from '../loading.js';
import { wrap32, wrap64 } from '../memory.js';

/** sizeof(struct livepatch_elf_sym), of which one array is allocated. */
const ELF_SYM_STRUCT_BYTES = 24n;
const UINT_MAX = 0xffffffffn;

/** elf_get_sym: each symbol's name must lie in the string table. All releases. */
export const symbolTable: Stage = (loading) => {
  const { memory, symbolTable: symtab, stringTable: strtab } = loading;
  // section-table found both.
  if (!symtab || !strtab) return 0;

  const entrySize = symtab.header.entrySize;
  const count = wrap32(symtab.header.size / entrySize);
  if (count > UINT_MAX / ELF_SYM_STRUCT_BYTES) {
    return refuse(loading, XEN_ERRNO.ENOMEM, ': Could not allocate memory for symbols', {
      reason: 'symbol-count',
    });
  }

  const symbols: LoadingSymbol[] = [{ address: 0n, nameAddress: 0n, ignored: false }];
  loading.symbols = symbols;
  for (let i = 1n; i < count; i++) {
    const address = wrap64(symtab.dataAddress + entrySize * i);
    const nameOffset = BigInt(memory.u32(address));
    if (nameOffset >= strtab.header.size) {
      return refuse(loading, XEN_ERRNO.EINVAL, `: Symbol [${i}] name is not within .strtab`, {
        reason: 'symbol-name-outside',
        offset: symtab.header.offset + entrySize * i,
        expected: `a name offset below ${strtab.header.size}`,
        actual: String(nameOffset),
      });
    }
    symbols.push({ address, nameAddress: wrap64(strtab.dataAddress + nameOffset), ignored: false });
  }
  return 0;
};
