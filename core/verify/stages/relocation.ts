import { XEN_ERRNO } from '../../abi/errno.js';
import {
  contentsAddress,
  type Loading,
  type LoadingSection,
  printedName,
  refuse,
  SHF_ALLOC,
  SHT_REL,
  SHT_RELA,
  type Stage,
  type StageResult,
  symbolValue,
} from '../loading.js';
import { signed64, wrap32, wrap64 } from '../memory.js';

const RELA_BYTES = 24n;
const REL_BYTES = 16n;
const R_X86_64_NONE = 0n;
const R_X86_64_64 = 1n;
const R_X86_64_PC32 = 2n;
const R_X86_64_PLT32 = 4n;

/**
 * livepatch_elf_perform_relocs: every relocation section whose target is allocated, in file order.
 * All releases.
 */
export const relocation: Stage = (loading) => {
  for (let i = 1; i < loading.sections.length; i++) {
    const section = loading.sections[i];
    if (!section) continue;
    const { type, info, link } = section.header;
    if (type !== SHT_RELA && type !== SHT_REL) continue;
    const target = loading.sections[info];
    if (!target) continue;
    // sh_info 0 leads to section 0, whose header is NULL: this read kills the host.
    if (!(target.header.flags & SHF_ALLOC)) continue;
    if (link !== loading.symbolTableIndex) {
      return refuse(
        loading,
        XEN_ERRNO.EINVAL,
        `: Relative link of ${printedName(loading, section)} is incorrect (${link | 0}, expected=${loading.symbolTableIndex})`,
      );
    }
    const { size, entrySize } = section.header;
    if (size === 0n) continue;
    const smallest = type === SHT_RELA ? RELA_BYTES : REL_BYTES;
    if (entrySize < smallest || size % entrySize !== 0n) {
      return refuse(loading, XEN_ERRNO.EINVAL, ': Section relative header is corrupted');
    }
    if (type === SHT_REL) {
      return refuse(loading, XEN_ERRNO.EOPNOTSUPP, ': SHT_REL relocation unsupported');
    }
    const errno = applyRela(loading, target, section);
    if (errno) return errno;
  }
  return 0;
};

/** arch_livepatch_perform_rela (x86). */
function applyRela(loading: Loading, target: LoadingSection, rela: LoadingSection): StageResult {
  const { memory } = loading;
  const entrySize = rela.header.entrySize;
  // The loop's counter is an unsigned int; the bound is a division of 64-bit values.
  for (let i = 0n; i < rela.header.size / entrySize; i++) {
    const entry = wrap64(rela.dataAddress + i * entrySize);
    const offset = memory.u64(entry);
    const info = memory.u64(entry + 8n);
    const addend = memory.u64(entry + 16n);
    const index = Number(info >> 32n);

    if (index === 0) return refuse(loading, XEN_ERRNO.EOPNOTSUPP, ': Encountered STN_UNDEF');
    const symbol = loading.symbols[index];
    if (!symbol) {
      return refuse(
        loading,
        XEN_ERRNO.EINVAL,
        `: Relative relocation wants symbol@${index} which is past end`,
      );
    }
    if (symbol.ignored) {
      const name = memory.printed(symbol.nameAddress);
      return refuse(
        loading,
        XEN_ERRNO.EINVAL,
        `: Relocation against ignored symbol ${name} cannot be resolved`,
      );
    }

    const destination = wrap64(contentsAddress(loading, target) + offset);
    const value = wrap64(addend + symbolValue(loading, symbol));
    switch (info & 0xffffffffn) {
      case R_X86_64_NONE:
        break;
      case R_X86_64_64:
        if (!isInside(target, offset, 8n)) return badOffset(loading, target);
        memory.setU64(destination, value);
        break;
      case R_X86_64_PLT32:
      case R_X86_64_PC32: {
        if (!isInside(target, offset, 4n)) return badOffset(loading, target);
        const distance = wrap64(value - destination);
        memory.setU32(destination, Number(wrap32(distance)));
        if (signed64(distance) !== BigInt.asIntN(32, distance)) {
          return refuse(
            loading,
            XEN_ERRNO.EOVERFLOW,
            `: Overflow in relocation ${i} in ${printedName(loading, rela)} for ${printedName(loading, target)}`,
          );
        }
        break;
      }
      default:
        return refuse(
          loading,
          XEN_ERRNO.EOPNOTSUPP,
          `: Unhandled relocation ${info & 0xffffffffn}`,
        );
    }
  }
  return 0;
}

function isInside(target: LoadingSection, offset: bigint, width: bigint): boolean {
  const size = target.header.size;
  return offset < size && wrap64(offset + width) <= size;
}

function badOffset(loading: Loading, target: LoadingSection): StageResult {
  const name = printedName(loading, target);
  return refuse(loading, XEN_ERRNO.EINVAL, `: Relative relocation offset is past ${name} section`);
}
