import { XEN_ERRNO } from '../../abi/errno.js';
import { LIVEPATCH_MAX_SECTIONS } from '../../abi/livepatch.js';
import type { Reason } from '../advice.js';
import { type Grounds, refuse, type Stage } from '../loading.js';

const EHDR_BYTES = 64;
const SHDR_BYTES = 64;
const ET_REL = 1;
const EM_X86_64 = 62;
const ELFOSABI_NONE = 0;
const ELFOSABI_FREEBSD = 9;

/** livepatch_header_check and arch_livepatch_verify_elf (x86): the ELF header. All releases. */
export const elfHeader: Stage = (loading) => {
  const { memory, raw } = loading;
  const u16 = (offset: bigint) => memory.u16(raw.address + offset);
  const u8 = (offset: bigint) => memory.u8(raw.address + offset);

  if (raw.sizeBytes < EHDR_BYTES) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Section header is bigger than payload', {
      reason: 'file-too-short',
      expected: `at least ${EHDR_BYTES} bytes`,
      actual: `${raw.sizeBytes} bytes`,
    });
  }
  if (memory.u32(raw.address) !== 0x464c457f) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Not an ELF payload', { reason: 'not-elf' });
  }
  const osAbi = u8(7n);
  const field = (
    reason: Reason,
    name: string,
    offset: bigint,
    actual: number,
    expected: string,
  ): Grounds => ({ reason, offset, actual: `${name} ${actual}`, expected });
  const invalid =
    [
      memory.u32(raw.address + 20n) !== 1
        ? field('elf-version', 'e_version', 20n, memory.u32(raw.address + 20n), '1')
        : null,
      u8(6n) !== 1 ? field('elf-version', 'e_ident[EI_VERSION]', 6n, u8(6n), '1') : null,
      u8(8n) !== 0 ? field('elf-abi-version', 'e_ident[EI_ABIVERSION]', 8n, u8(8n), '0') : null,
      osAbi !== ELFOSABI_NONE && osAbi !== ELFOSABI_FREEBSD
        ? field('elf-osabi', 'e_ident[EI_OSABI]', 7n, osAbi, '0 or 9')
        : null,
      u16(16n) !== ET_REL ? field('elf-type', 'e_type', 16n, u16(16n), '1 (REL)') : null,
      u16(56n) !== 0 ? field('elf-segments', 'e_phnum', 56n, u16(56n), '0') : null,
    ].find((grounds) => grounds !== null) ?? null;
  if (invalid !== null) {
    return refuse(loading, XEN_ERRNO.EOPNOTSUPP, ': Invalid ELF payload', invalid);
  }
  if (u16(18n) !== EM_X86_64 || u8(4n) !== 2 || u8(5n) !== 1) {
    const actual = `e_machine ${u16(18n)}, class ${u8(4n)}, data ${u8(5n)}`;
    return refuse(loading, XEN_ERRNO.EOPNOTSUPP, ': Unsupported ELF Machine type', {
      reason: 'elf-machine',
      actual,
      expected: 'e_machine 62 (x86-64), class 2, data 1',
    });
  }

  const header = {
    sectionOffset: memory.u64(raw.address + 40n),
    sectionEntrySize: u16(58n),
    sectionCount: u16(60n),
    nameSectionIndex: u16(62n),
  };
  loading.header = header;
  if (header.nameSectionIndex === 0) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Section name idx is undefined', {
      reason: 'header-fields',
    });
  }
  if (header.sectionCount >= LIVEPATCH_MAX_SECTIONS) {
    return refuse(loading, XEN_ERRNO.EOPNOTSUPP, `: Too many (${header.sectionCount}) sections`, {
      reason: 'section-count',
      expected: `fewer than ${LIVEPATCH_MAX_SECTIONS}`,
    });
  }
  if (header.nameSectionIndex >= header.sectionCount) {
    return refuse(
      loading,
      XEN_ERRNO.EINVAL,
      `: Section name idx (${header.nameSectionIndex}) is past end of sections (${header.sectionCount})`,
      { reason: 'header-fields' },
    );
  }
  if (header.sectionOffset >= raw.sizeBytes) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Bogus e_shoff', { reason: 'header-fields' });
  }
  if (header.sectionEntrySize < SHDR_BYTES) {
    return refuse(
      loading,
      XEN_ERRNO.EINVAL,
      `: Section header size is ${header.sectionEntrySize}! Expected ${SHDR_BYTES}.`,
      { reason: 'header-fields' },
    );
  }
  const room = (raw.sizeBytes - header.sectionOffset) / BigInt(header.sectionEntrySize);
  if (room < BigInt(header.sectionCount)) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Section header size is corrupted', {
      reason: 'header-fields',
    });
  }
  return 0;
};
