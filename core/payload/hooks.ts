import { HOOK_KINDS, hookSection, isHookArray } from '../abi/livepatch.js';
import { ByteReader, type ElfFile, sectionByName } from '../elf/index.js';
import { type Links, POINTER_SIZE } from './links.js';
import type { PayloadHook } from './payload.js';
import { readable } from './readable.js';
import type { Report } from './report.js';

/**
 * The hooks of a payload, in Xen's order of kinds. Reports `payload-bad-hook` where a section has not the
 * size that its kind needs (LIVEPATCH_ASSIGN_SINGLE_HOOK and _MULTI_HOOK, common/livepatch.c).
 */
export function readHooks(elf: ElfFile, links: Links, report: Report): readonly PayloadHook[] {
  const hooks: PayloadHook[] = [];
  for (const kind of HOOK_KINDS) {
    const section = sectionByName(elf, hookSection(kind));
    if (section === null) continue;
    const bytes = readable(elf, section, 'payload-bad-hook', report);
    if (bytes === null) continue;
    const isRightSize = isHookArray(kind)
      ? bytes.length > 0 && bytes.length % POINTER_SIZE === 0
      : bytes.length === POINTER_SIZE;
    if (!isRightSize) {
      const expected = isHookArray(kind)
        ? 'one or more pointers of 8 bytes'
        : 'one pointer of 8 bytes';
      report({
        code: 'payload-bad-hook',
        severity: 'error',
        section: section.name,
        message: `${section.name} has ${bytes.length} bytes, expected ${expected}`,
        expected,
        actual: `${bytes.length} bytes`,
      });
    }
    const reader = new ByteReader(bytes, `section ${section.name}`);
    const count = Math.floor(bytes.length / POINTER_SIZE);
    const targets = Array.from(
      { length: count },
      (_, index) => links.pointerAt(section, reader, index * POINTER_SIZE).pointer,
    );
    hooks.push({ kind, targets });
  }
  return hooks;
}
