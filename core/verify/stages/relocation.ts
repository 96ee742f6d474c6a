import { XEN_ERRNO } from '../../abi/errno.js';
import {
  contentsAddress,
  hasMaxFaults,
  type Loading,
  type LoadingSection,
  named,
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
  const overlapping = checkOverlap(loading);
  if (overlapping) return overlapping;
  let fault: StageResult = 0;
  for (let i = 1; i < loading.sections.length; i++) {
    const section = loading.sections[i];
    if (!section) continue;
    const { type, info, link } = section.header;
    if (type !== SHT_RELA && type !== SHT_REL) continue;
    const target = loading.sections[info];
    if (!target) continue;
    // sh_info 0 leads to section 0, whose header is NULL: this read kills the host.
    if (!(target.header.flags & SHF_ALLOC)) continue;
    fault =
      checkHeader(loading, section, type, link) || applyRela(loading, target, section) || fault;
  }
  return fault;
};

/**
 * Ours: tables that overlap in the file can hold relocations without end. Xen would go through them all; here
 * they are refused, and the verdict says that this is an assumption.
 */
function checkOverlap(loading: Loading): StageResult {
  const total = loading.sections
    .slice(1)
    .filter(({ header }) => header.type === SHT_RELA)
    .reduce((sum, { header }) => sum + header.size, 0n);
  if (total <= loading.raw.sizeBytes) return 0;
  loading.assumptions.push('Xen refuses relocation tables that overlap in the file');
  return refuse(loading, XEN_ERRNO.EINVAL, null, {
    expected: `relocations of at most ${loading.raw.sizeBytes} bytes in all`,
    actual: `${total} bytes, in tables that overlap`,
  });
}

function checkHeader(
  loading: Loading,
  section: LoadingSection,
  type: number,
  link: number,
): StageResult {
  if (link !== loading.symbolTableIndex) {
    return refuse(
      loading,
      XEN_ERRNO.EINVAL,
      `: Relative link of ${printedName(loading, section)} is incorrect (${link | 0}, expected=${loading.symbolTableIndex})`,
      {
        ...named(loading, { section: section.nameAddress }),
        expected: `sh_link ${loading.symbolTableIndex}`,
        actual: `sh_link ${link}`,
      },
    );
  }
  const { size, entrySize } = section.header;
  if (size === 0n) return 0;
  const where = named(loading, { section: section.nameAddress });
  const smallest = type === SHT_RELA ? RELA_BYTES : REL_BYTES;
  if (entrySize < smallest || size % entrySize !== 0n) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Section relative header is corrupted', {
      ...where,
      actual: `size ${size}, entries of ${entrySize} bytes`,
    });
  }
  if (type === SHT_RELA) return 0;
  return refuse(loading, XEN_ERRNO.EOPNOTSUPP, ': SHT_REL relocation unsupported', where);
}

/** arch_livepatch_perform_rela (x86). */
function applyRela(loading: Loading, target: LoadingSection, rela: LoadingSection): StageResult {
  const { entrySize } = rela.header;
  let fault: StageResult = 0;
  // The loop's counter is an unsigned int; the bound is a division of 64-bit values.
  for (let i = 0n; rela.header.size !== 0n && i < rela.header.size / entrySize; i++) {
    if (hasMaxFaults(loading)) break;
    fault = applyEntry(loading, target, rela, { index: i, offset: i * entrySize }) || fault;
  }
  return fault;
}

function applyEntry(
  loading: Loading,
  target: LoadingSection,
  rela: LoadingSection,
  at: { readonly index: bigint; readonly offset: bigint },
): StageResult {
  const { memory } = loading;
  const entry = wrap64(rela.dataAddress + at.offset);
  const offset = memory.u64(entry);
  const info = memory.u64(entry + 8n);
  const addend = memory.u64(entry + 16n);
  const index = Number(info >> 32n);
  const symbol = loading.symbols[index];
  const bad = (errno: number, text: string): StageResult => {
    const names = { section: rela.nameAddress, ...(symbol ? { symbol: symbol.nameAddress } : {}) };
    return refuse(loading, errno, text, { ...named(loading, names), offset: at.offset });
  };

  if (index === 0) return bad(XEN_ERRNO.EOPNOTSUPP, ': Encountered STN_UNDEF');
  if (!symbol) {
    return bad(XEN_ERRNO.EINVAL, `: Relative relocation wants symbol@${index} which is past end`);
  }
  if (symbol.ignored) {
    const name = memory.printed(symbol.nameAddress);
    return bad(XEN_ERRNO.EINVAL, `: Relocation against ignored symbol ${name} cannot be resolved`);
  }

  const pastEnd = () => {
    const name = printedName(loading, target);
    return bad(XEN_ERRNO.EINVAL, `: Relative relocation offset is past ${name} section`);
  };
  const destination = wrap64(contentsAddress(loading, target) + offset);
  const value = wrap64(addend + symbolValue(loading, symbol));
  switch (info & 0xffffffffn) {
    case R_X86_64_NONE:
      return 0;
    case R_X86_64_64:
      if (!isInside(target, offset, 8n)) return pastEnd();
      memory.setU64(destination, value);
      return 0;
    case R_X86_64_PLT32:
    case R_X86_64_PC32: {
      if (!isInside(target, offset, 4n)) return pastEnd();
      const distance = wrap64(value - destination);
      memory.setU32(destination, Number(wrap32(distance)));
      if (signed64(distance) === BigInt.asIntN(32, distance)) return 0;
      return bad(
        XEN_ERRNO.EOVERFLOW,
        `: Overflow in relocation ${at.index} in ${printedName(loading, rela)} for ${printedName(loading, target)}`,
      );
    }
    default:
      return bad(XEN_ERRNO.EOPNOTSUPP, `: Unhandled relocation ${info & 0xffffffffn}`);
  }
}

function isInside(target: LoadingSection, offset: bigint, width: bigint): boolean {
  const size = target.header.size;
  return offset < size && wrap64(offset + width) <= size;
}
