import { SECTION } from '../abi/livepatch.js';
import { type ElfFile, sectionByName } from '../elf/index.js';
import type { MetadataEntry } from './payload.js';
import { readable } from './readable.js';
import type { Report } from './report.js';

/** Ours: payloads have a handful. What is behind these is counted, not read. */
const MAX_METADATA = 4096;

/**
 * The strings of `.modinfo` (4.14 on). Empty ones, which pad, are left out. Reports `payload-bad-metadata`
 * where the last string has no NUL (prepare_payload: "Incorrect metadata format detected") or the
 * section is empty, and `payload-metadata-cut` where there are more than are read.
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
  const { texts, isCut } = textsOf(bytes);
  if (isCut) {
    report({
      code: 'payload-metadata-cut',
      severity: 'note',
      section: section.name,
      message: `${section.name} has more than ${MAX_METADATA} strings: those behind are not read here`,
    });
  }
  return texts.map(metadataEntry);
}

/** The strings that are not empty, up to MAX_METADATA of them. */
function textsOf(bytes: Uint8Array): {
  readonly texts: readonly string[];
  readonly isCut: boolean;
} {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const texts: string[] = [];
  for (let at = 0; at < buffer.length; ) {
    const nul = buffer.indexOf(0, at);
    const end = nul < 0 ? buffer.length : nul;
    if (end > at) {
      if (texts.length === MAX_METADATA) return { texts, isCut: true };
      texts.push(buffer.toString('latin1', at, end));
    }
    at = end + 1;
  }
  return { texts, isCut: false };
}

/** `key=value` taken apart. */
function metadataEntry(text: string): MetadataEntry {
  const equals = text.indexOf('=');
  return equals < 0
    ? { key: text, value: null }
    : { key: text.slice(0, equals), value: text.slice(equals + 1) };
}
