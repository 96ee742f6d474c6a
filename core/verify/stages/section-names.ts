import { XEN_ERRNO } from '../../abi/errno.js';
import { headerOffset, refuse, type Stage } from '../loading.js';
import { wrap64 } from '../memory.js';
import { isStringTable } from './section-table.js';

/** elf_resolve_section_names: .shstrtab, and each name's place in it. All releases. */
export const sectionNames: Stage = (loading) => {
  const { sections, header, raw } = loading;
  // elf-header made sure that the index is neither 0 nor past the end.
  const names = sections[header.nameSectionIndex];
  if (!names || !isStringTable(loading, names)) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Section string table is corrupted', {
      reason: 'section-names-damaged',
    });
  }
  const offset = names.header.offset;
  for (let i = 1; i < sections.length; i++) {
    const section = sections[i];
    if (!section) continue;
    const nameOffset = BigInt(section.header.name);
    if (nameOffset >= names.header.size) {
      return refuse(loading, XEN_ERRNO.EINVAL, `: Section ${i} name is not within .shstrtab`, {
        reason: 'section-names-damaged',
        offset: headerOffset(loading, i),
        expected: `a name offset below ${names.header.size}`,
        actual: String(nameOffset),
      });
    }
    section.nameAddress = wrap64(raw.address + offset + nameOffset);
  }
  return 0;
};
