import { SECTION } from '../abi/livepatch.js';
import { type ElfFile, sectionByName } from '../elf/index.js';
import type { MetadataEntry } from './payload.js';
import { readable } from './readable.js';
import type { Report } from './report.js';

/**
 * The strings of `.modinfo` (4.14 on). Empty ones, which pad, are left out. Reports `payload-bad-metadata`
 * where the last string has no NUL (prepare_payload: "Incorrect metadata format detected") or the
 * section is empty.
 */
export function readMetadata(elf: ElfFile, report: Report): readonly MetadataEntry[] {
  const section = sectionByName(elf, SECTION.modinfo);
  if (section === null) return [];
  const bytes = readable(elf, section, 'payload-bad-metadata', report);
  if (bytes === null) return [];
  if (bytes.at(-1) !== 0) {
    const actual = bytes.length === 0 ? 'an empty section' : `0x${bytes.at(-1)?.toString(16)}`;
    report({
      code: 'payload-bad-metadata',
      severity: 'error',
      section: section.name,
      message: `${section.name} does not end in a NUL: found ${actual}`,
      expected: 'a NUL',
      actual,
    });
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString('latin1')
    .split('\0')
    .filter((text) => text !== '')
    .map(metadataEntry);
}

/** `key=value` taken apart, as `.modinfo` and LIST have it. */
export function metadataEntry(text: string): MetadataEntry {
  const equals = text.indexOf('=');
  return equals < 0
    ? { key: text, value: null }
    : { key: text.slice(0, equals), value: text.slice(equals + 1) };
}
