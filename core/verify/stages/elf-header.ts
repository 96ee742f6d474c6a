import { XEN_ERRNO } from '../../abi/errno.js';
import { LIVEPATCH_MAX_SECTIONS } from '../../abi/livepatch.js';
import { refuse, type Stage } from '../loading.js';

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
    return refuse(loading, XEN_ERRNO.EINVAL, ': Section header is bigger than payload');
  }
  if (memory.u32(raw.address) !== 0x464c457f) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Not an ELF payload');
  }
  const osAbi = u8(7n);
  if (
    memory.u32(raw.address + 20n) !== 1 ||
    u8(6n) !== 1 ||
    u8(8n) !== 0 ||
    (osAbi !== ELFOSABI_NONE && osAbi !== ELFOSABI_FREEBSD) ||
    u16(16n) !== ET_REL ||
    u16(56n) !== 0
  ) {
    return refuse(loading, XEN_ERRNO.EOPNOTSUPP, ': Invalid ELF payload');
  }
  if (u16(18n) !== EM_X86_64 || u8(4n) !== 2 || u8(5n) !== 1) {
    return refuse(loading, XEN_ERRNO.EOPNOTSUPP, ': Unsupported ELF Machine type');
  }

  const header = {
    sectionOffset: memory.u64(raw.address + 40n),
    sectionEntrySize: u16(58n),
    sectionCount: u16(60n),
    nameSectionIndex: u16(62n),
  };
  loading.header = header;
  if (header.nameSectionIndex === 0) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Section name idx is undefined');
  }
  if (header.sectionCount >= LIVEPATCH_MAX_SECTIONS) {
    return refuse(loading, XEN_ERRNO.EOPNOTSUPP, `: Too many (${header.sectionCount}) sections`);
  }
  if (header.nameSectionIndex >= header.sectionCount) {
    return refuse(
      loading,
      XEN_ERRNO.EINVAL,
      `: Section name idx (${header.nameSectionIndex}) is past end of sections (${header.sectionCount})`,
    );
  }
  if (header.sectionOffset >= raw.sizeBytes) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Bogus e_shoff');
  }
  if (header.sectionEntrySize < SHDR_BYTES) {
    return refuse(
      loading,
      XEN_ERRNO.EINVAL,
      `: Section header size is ${header.sectionEntrySize}! Expected ${SHDR_BYTES}.`,
    );
  }
  const room = (raw.sizeBytes - header.sectionOffset) / BigInt(header.sectionEntrySize);
  if (room < BigInt(header.sectionCount)) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Section header size is corrupted');
  }
  return 0;
};
