import { createHash } from 'node:crypto';
import { LIVEPATCH_MAX_SIZE } from '../abi/livepatch.js';
import { ElfError, SHT, sectionBytes } from '../elf/index.js';
import { type Code, type Finding, finding } from '../findings/index.js';
import { idOrNull, type Payload } from '../payload/index.js';
import { DIGEST_FORMAT } from './analyse.js';
import { type CodeRecord, RECORD_FORMAT_VERSION } from './code-record.js';
import { loadedContents, RECORD_SECTION } from './loaded-contents.js';
import { parseRecordBody } from './record-body.js';

/** The record in a payload file: there and its own, not there, or there and not to be relied on. */
export type RecordStatus =
  | { readonly status: 'present'; readonly record: CodeRecord }
  | { readonly status: 'absent' }
  | { readonly status: 'invalid'; readonly finding: Finding };

/** Of the line before the body, in bytes. */
const LONGEST_HEADER = 160;
const MAGIC = 'xsplice-record';

/** The bytes of a record's section: a line with version, length and SHA-256 of the body, then JSON. */
export function encodeRecord(record: CodeRecord): Uint8Array {
  const body = Buffer.from(JSON.stringify(record), 'utf8');
  const header = `${MAGIC} ${record.formatVersion} ${body.length} ${sha256(body)}\n`;
  return Buffer.concat([Buffer.from(header, 'latin1'), body]);
}

/**
 * Reads the record of a payload and checks that it is whole, of a known format, and made for the very
 * bytes that Xen would load. Findings: `record-damaged`, `record-version`, `record-foreign`.
 *
 * A record is no signature. Who can change the payload can make a record that fits it; what a record
 * says is still compared with the code that is there.
 */
export function readRecord(payload: Payload): RecordStatus {
  const sections = payload.elf.sections.filter(({ name }) => name === RECORD_SECTION);
  const [section] = sections;
  if (section === undefined) return { status: 'absent' };
  const invalid = (code: Code, message: string, expected: string, actual: string) => ({
    status: 'invalid' as const,
    finding: finding(code, {
      file: payload.file,
      section: RECORD_SECTION,
      message,
      expected,
      actual,
    }),
  });
  const damaged = (expected: string, actual: string) =>
    invalid(
      'record-damaged',
      `The record of old code is damaged: expected ${expected}, found ${actual}`,
      expected,
      actual,
    );
  if (sections.length > 1) return damaged('one record', `${sections.length}`);
  if (section.type !== SHT.PROGBITS || section.flags !== 0n) {
    // Xen would load it, or a tool has packed it.
    const expected = `a section of type ${SHT.PROGBITS} with flags 0`;
    return damaged(expected, `type ${section.type} with flags 0x${section.flags.toString(16)}`);
  }
  if (section.size > BigInt(LIVEPATCH_MAX_SIZE)) {
    return damaged(`at most ${LIVEPATCH_MAX_SIZE} bytes`, `${section.size} bytes`);
  }
  try {
    const bytes = Buffer.from(sectionBytes(payload.elf, section));
    const lineEnd = bytes.subarray(0, LONGEST_HEADER).indexOf('\n');
    const line = bytes.subarray(0, Math.max(lineEnd, 0)).toString('latin1');
    const [, version, length, digest] =
      /^xsplice-record (\d{1,9})(?: (\d{1,9}) ([0-9a-f]{64}))?(?: .*)?$/.exec(line) ?? [];
    if (version === undefined) return damaged(`a line that begins with ${MAGIC}`, 'none');
    if (Number(version) !== RECORD_FORMAT_VERSION) {
      const message = `The record of old code has format ${version}; this version of xsplice-ts knows format ${RECORD_FORMAT_VERSION}`;
      return invalid('record-version', message, `${RECORD_FORMAT_VERSION}`, version);
    }
    const body = bytes.subarray(lineEnd + 1);
    if (String(body.length) !== length) {
      return damaged(`${length ?? 'a stated number of'} bytes`, `${body.length} bytes`);
    }
    if (sha256(body) !== digest) return damaged(`SHA-256 ${digest}`, sha256(body));
    const record = parseRecordBody(body.toString('utf8'));
    if (typeof record === 'string') return damaged(record, 'something else');
    if (record.formatVersion !== RECORD_FORMAT_VERSION || record.digestFormat !== DIGEST_FORMAT) {
      const actual = `${record.formatVersion} with digests ${JSON.stringify(record.digestFormat)}`;
      const expected = `${RECORD_FORMAT_VERSION} with digests "${DIGEST_FORMAT}"`;
      const message = `The record of old code has format ${actual}, expected ${expected}`;
      return invalid('record-version', message, expected, actual);
    }
    const contents = loadedContents(payload.elf);
    if (record.contents !== contents || !isOf(record, payload)) {
      const message = `The record of old code was made for another payload: it names contents ${record.contents.slice(0, 16)} and build-id ${record.buildId ?? 'none'}, the file has ${contents.slice(0, 16)} and ${idOrNull(payload.buildId) ?? 'none'}`;
      return invalid('record-foreign', message, record.contents, contents);
    }
    return { status: 'present', record };
  } catch (error) {
    if (error instanceof ElfError) return damaged(error.expected, error.actual);
    throw error;
  }
}

function isOf(record: CodeRecord, payload: Payload): boolean {
  return (
    record.buildId === idOrNull(payload.buildId) &&
    record.depends === idOrNull(payload.depends) &&
    record.xenDepends === idOrNull(payload.xenDepends) &&
    record.functions.length === payload.functions.length
  );
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
