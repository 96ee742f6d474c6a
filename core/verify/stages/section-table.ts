import { XEN_ERRNO } from '../../abi/errno.js';
import { LIVEPATCH_MAX_SIZE } from '../../abi/livepatch.js';
import {
  doing,
  headerOffset,
  type Loading,
  type LoadingSection,
  refuse,
  SectionHeader,
  SHF_ALLOC,
  SHF_WRITE,
  SHT_NOBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  type Stage,
  type StageResult,
} from '../loading.js';
import { wrap64 } from '../memory.js';

const EHDR_BYTES = 64n;
const SYM_BYTES = 24n;

/** elf_resolve_sections: every section header, the symbol table and its string table. All releases. */
export const sectionTable: Stage = (loading) => {
  const { raw, header } = loading;
  loading.sections = [sectionAt(loading, 0n)];
  const inHeader = (index: number) => ({ offset: headerOffset(loading, index) });

  for (let i = 1; i < header.sectionCount; i++) {
    const section = sectionAt(loading, raw.address + headerOffset(loading, i));
    loading.sections.push(section);
    const fault = checkSection(loading, section, i);
    if (fault) return fault;
    section.dataAddress = wrap64(raw.address + section.header.offset);

    if (section.header.type !== SHT_SYMTAB) continue;
    if (loading.symbolTable) {
      return refuse(loading, XEN_ERRNO.EOPNOTSUPP, ': Unsupported multiple symbol tables', {
        reason: 'symbol-tables',
        ...inHeader(i),
      });
    }
    loading.symbolTable = section;
    loading.symbolTableIndex = i;
    if (section.header.link >= header.sectionCount) {
      return refuse(
        loading,
        XEN_ERRNO.EINVAL,
        `: Symbol table idx (${section.header.link}) to strtab past end (${header.sectionCount})`,
        { reason: 'symbol-table-link', ...inHeader(i) },
      );
    }
  }

  const symtab = loading.symbolTable;
  if (!symtab)
    return refuse(loading, XEN_ERRNO.EINVAL, ': No symbol table found', {
      reason: 'no-symbol-table',
    });
  const { size, entrySize } = symtab.header;
  if (size === 0n || entrySize < SYM_BYTES || size % entrySize !== 0n) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Symbol table header is corrupted', {
      reason: 'symbol-table-damaged',
      ...inHeader(loading.symbolTableIndex),
      actual: `size ${size}, entries of ${entrySize} bytes`,
    });
  }
  // sh_link 0 leads to section 0, whose header is NULL: reading it kills the host.
  const strtab = loading.sections[symtab.header.link] ?? sectionAt(loading, 0n);
  loading.stringTable = strtab;
  const linked = doing(loading, { reason: 'symbol-table-link' }, () =>
    isStringTable(loading, strtab),
  );
  if (!linked) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': String table section is corrupted', {
      reason: 'string-table-damaged',
      ...inHeader(symtab.header.link),
    });
  }
  return 0;

  function sectionAt(from: Loading, headerAddress: bigint): LoadingSection {
    const at = new SectionHeader(from.memory, headerAddress);
    return { header: at, nameAddress: 0n, dataAddress: 0n, loadAddress: 0n };
  }

  function checkSection(of: Loading, section: LoadingSection, index: number): StageResult {
    const { offset, size: bytes, type, alignment, address, flags } = section.header;
    const end = wrap64(offset + bytes);
    if (
      offset < EHDR_BYTES ||
      (type !== SHT_NOBITS && (offset > raw.sizeBytes || end > raw.sizeBytes))
    ) {
      const where = offset < EHDR_BYTES ? 'at ELF header' : 'is past end';
      return refuse(of, XEN_ERRNO.EINVAL, `: Section [${index}] data ${where} of payload`, {
        reason: 'section-outside',
        ...inHeader(index),
        expected: `contents in bytes ${EHDR_BYTES} to ${raw.sizeBytes} of the file`,
        actual: `${bytes} bytes at ${offset}`,
      });
    }
    if (alignment & wrap64(alignment - 1n)) {
      return refuse(
        of,
        XEN_ERRNO.EOPNOTSUPP,
        `: Section [${index}] alignment (0x${alignment.toString(16)}) is not supported`,
        {
          reason: 'section-alignment',
          ...inHeader(index),
          expected: 'a power of two',
          actual: String(alignment),
        },
      );
    }
    if (alignment !== 0n && address % alignment !== 0n) {
      return refuse(
        of,
        XEN_ERRNO.EINVAL,
        `: Section [${index}] addr (0x${address.toString(16)}) is not aligned properly (0x${alignment.toString(16)})`,
        { reason: 'section-address', ...inHeader(index) },
      );
    }
    if (flags & (SHF_WRITE | SHF_ALLOC) && type === SHT_NOBITS && bytes > LIVEPATCH_MAX_SIZE) {
      return refuse(of, XEN_ERRNO.EINVAL, null, {
        reason: 'bss-too-large',
        ...inHeader(index),
        expected: `at most ${LIVEPATCH_MAX_SIZE} bytes without contents`,
        actual: `${bytes} bytes`,
      });
    }
    return 0;
  }
};

/** elf_verify_strtab: type, not empty, NUL at both ends. */
export function isStringTable(loading: Loading, section: LoadingSection): boolean {
  const { memory } = loading;
  if (section.header.type !== SHT_STRTAB) return false;
  const size = section.header.size;
  if (size === 0n) return false;
  return (
    memory.u8(section.dataAddress) === 0 && memory.u8(wrap64(section.dataAddress + size - 1n)) === 0
  );
}
