import { XEN_ERRNO } from '../../abi/errno.js';
import type { Reason } from '../advice.js';
import { relocationTypeName } from '../compiler-advice.js';
import {
  contentsAddress,
  doing,
  type Grounds,
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
  let fault: StageResult = 0;
  // As many as the file has room for: only tables that overlap in it can hold more.
  const budget = { left: loading.raw.sizeBytes / REL_BYTES };
  // Behind a table that overlaps nothing is replayed: Xen's state would be a guess, and the work without end.
  for (let i = 1; i < loading.sections.length && budget.left >= 0n; i++) {
    const section = loading.sections[i];
    if (!section) continue;
    const { type, info, link } = section.header;
    if (type !== SHT_RELA && type !== SHT_REL) continue;
    const target = loading.sections[info];
    if (!target) continue;
    // sh_info 0 leads to section 0, whose header is NULL: this read kills the host.
    const { flags } = doing(
      loading,
      { reason: 'relocation-target-null', ...named(loading, { section: section.nameAddress }) },
      () => ({ flags: target.header.flags }),
    );
    if (!(flags & SHF_ALLOC)) continue;
    fault =
      checkHeader(loading, section, type, link) ||
      applyRela(loading, target, section, budget) ||
      fault;
  }
  return fault;
};

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
        reason: 'relocation-link',
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
      reason: 'relocation-header',
      ...where,
      actual: `size ${size}, entries of ${entrySize} bytes`,
    });
  }
  if (type === SHT_RELA) return 0;
  return refuse(loading, XEN_ERRNO.EOPNOTSUPP, ': SHT_REL relocation unsupported', {
    reason: 'relocation-without-addend',
    ...where,
  });
}

/** arch_livepatch_perform_rela (x86). */
function applyRela(
  loading: Loading,
  target: LoadingSection,
  rela: LoadingSection,
  budget: { left: bigint },
): StageResult {
  const { entrySize } = rela.header;
  // Since sections have one address, a table that is loaded itself is read where it was loaded.
  const isOneAddress = loading.rules.has('buildIdFirst');
  const table = isOneAddress ? contentsAddress(loading, rela) : rela.dataAddress;
  let fault: StageResult = 0;
  // The loop's counter is an unsigned int; the bound is a division of 64-bit values.
  for (let i = 0n; rela.header.size !== 0n && i < rela.header.size / entrySize; i++) {
    if (hasMaxFaults(loading)) break;
    if (budget.left-- === 0n) return refuseOverlap(loading, rela);
    const offset = i * entrySize;
    const at = { index: i, offset, address: wrap64(table + offset) };
    fault = applyEntry(loading, target, rela, at) || fault;
  }
  return fault;
}

function applyEntry(
  loading: Loading,
  target: LoadingSection,
  rela: LoadingSection,
  at: { readonly index: bigint; readonly offset: bigint; readonly address: bigint },
): StageResult {
  const { memory } = loading;
  const offset = memory.u64(at.address);
  const info = memory.u64(at.address + 8n);
  const addend = memory.u64(at.address + 16n);
  const index = Number(info >> 32n);
  const symbol = loading.symbols[index];
  const bad = (
    reason: Reason,
    errno: number,
    text: string,
    values: Pick<Grounds, 'actual'> = {},
  ): StageResult => {
    const names = { section: rela.nameAddress, ...(symbol ? { symbol: symbol.nameAddress } : {}) };
    return refuse(loading, errno, text, {
      reason,
      ...named(loading, names),
      offset: at.offset,
      ...values,
    });
  };

  if (index === 0)
    return bad('relocation-without-symbol', XEN_ERRNO.EOPNOTSUPP, ': Encountered STN_UNDEF');
  if (!symbol) {
    const text = `: Relative relocation wants symbol@${index} which is past end`;
    return bad('relocation-symbol-index', XEN_ERRNO.EINVAL, text);
  }
  if (symbol.ignored) {
    const name = memory.printed(symbol.nameAddress);
    const text = `: Relocation against ignored symbol ${name} cannot be resolved`;
    return bad('relocation-to-unloaded', XEN_ERRNO.EINVAL, text);
  }

  const pastEnd = () => {
    const name = printedName(loading, target);
    const text = `: Relative relocation offset is past ${name} section`;
    return bad('relocation-outside', XEN_ERRNO.EINVAL, text);
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
        'relocation-overflow',
        XEN_ERRNO.EOVERFLOW,
        `: Overflow in relocation ${at.index} in ${printedName(loading, rela)} for ${printedName(loading, target)}`,
      );
    }
    default: {
      const type = info & 0xffffffffn;
      const name = relocationTypeName(type);
      const text = `: Unhandled relocation ${type}`;
      return bad(
        'relocation-type',
        XEN_ERRNO.EOPNOTSUPP,
        text,
        name === null ? {} : { actual: name },
      );
    }
  }
}

function isInside(target: LoadingSection, offset: bigint, width: bigint): boolean {
  const size = target.header.size;
  return offset < size && wrap64(offset + width) <= size;
}

/**
 * Ours: tables that overlap in the file can hold relocations without end. Xen would go through them all; here
 * it ends, and the verdict says that this is an assumption.
 */
function refuseOverlap(loading: Loading, rela: LoadingSection): StageResult {
  loading.assumptions.push('Xen refuses relocation tables that overlap in the file');
  return refuse(loading, XEN_ERRNO.EINVAL, null, {
    reason: 'relocation-tables-overlap',
    ...named(loading, { section: rela.nameAddress }),
    expected: `relocations of at most ${loading.raw.sizeBytes} bytes in all`,
    actual: 'more, in tables that overlap',
  });
}
