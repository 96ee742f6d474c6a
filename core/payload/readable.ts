import { ElfError, type ElfFile, type ElfSection, sectionBytes } from '../elf/index.js';
import type { Code } from '../findings/index.js';
import type { Report } from './report.js';

/** The bytes of a section; null, with a finding of the code given, where they are not there. */
export function readable(
  elf: ElfFile,
  section: ElfSection,
  code: Code,
  report: Report,
): Uint8Array | null {
  try {
    return sectionBytes(elf, section);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    report({
      code,
      severity: 'error',
      section: section.name,
      message: `${section.name} cannot be read: ${error.message}`,
      expected: error.expected,
      actual: error.actual,
    });
    return null;
  }
}
