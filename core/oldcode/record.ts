import { LIVEPATCH_MAX_SIZE } from '../abi/livepatch.js';
import { ElfError, type ElfSection, SHT, sectionBytes } from '../elf/index.js';
import { type Code, type Finding, finding } from '../findings/index.js';
import { idOrNull, type Payload, sha256Of } from '../payload/index.js';
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
const MAX_HEADER_BYTES = 160;
const MAGIC = 'xsplice-record';

/** The bytes of a record's section: a line with version, length and SHA-256 of the body, then JSON. */
export function encodeRecord(record: CodeRecord): Uint8Array {
  const body = Buffer.from(JSON.stringify(record), 'utf8');
  const header = `${MAGIC} ${record.formatVersion} ${body.length} ${sha256Of(body)}\n`;
  return Buffer.concat([Buffer.from(header, 'latin1'), body]);
}

/** Why a record is not to be relied on. Never leaves this file. */
class RecordFault extends Error {
  constructor(
    readonly code: Code,
    message: string,
    readonly expected: string,
    readonly actual: string,
  ) {
    super(message);
  }
}

function damaged(expected: string, actual: string): RecordFault {
  const message = `The record of old code is damaged: expected ${expected}, found ${actual}`;
  return new RecordFault('record-damaged', message, expected, actual);
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
  if (sections.length === 0) return { status: 'absent' };
  try {
    const record = decode(unsealed(contentsOf(payload, sections)));
    requireOwn(record, payload);
    return { status: 'present', record };
  } catch (error) {
    const fault = error instanceof ElfError ? damaged(error.expected, error.actual) : error;
    if (!(fault instanceof RecordFault)) throw error;
    const { code, message, expected, actual } = fault;
    const place = { file: payload.file, section: RECORD_SECTION };
    return { status: 'invalid', finding: finding(code, { ...place, message, expected, actual }) };
  }
}

/** The bytes of the one section, which Xen does not load. */
function contentsOf(payload: Payload, sections: readonly ElfSection[]): Buffer {
  const [section] = sections;
  if (section === undefined || sections.length > 1)
    throw damaged('one record', `${sections.length}`);
  if (section.type !== SHT.PROGBITS || section.flags !== 0n) {
    // Xen would load it, or a tool has packed it.
    const expected = `a section of type ${SHT.PROGBITS} with flags 0`;
    throw damaged(expected, `type ${section.type} with flags 0x${section.flags.toString(16)}`);
  }
  if (section.size > BigInt(LIVEPATCH_MAX_SIZE)) {
    throw damaged(`at most ${LIVEPATCH_MAX_SIZE} bytes`, `${section.size} bytes`);
  }
  return Buffer.from(sectionBytes(payload.elf, section));
}

/** The body behind the first line, once it is what that line says. */
function unsealed(bytes: Buffer): string {
  const lineEnd = bytes.subarray(0, MAX_HEADER_BYTES).indexOf('\n');
  const line = bytes.subarray(0, Math.max(lineEnd, 0)).toString('latin1');
  const [, version, length, digest] =
    /^xsplice-record (\d{1,9})(?: (\d{1,9}) ([0-9a-f]{64}))?(?: .*)?$/.exec(line) ?? [];
  if (version === undefined) throw damaged(`a line that begins with ${MAGIC}`, 'none');
  if (Number(version) !== RECORD_FORMAT_VERSION) {
    const message = `The record of old code has format ${version}; this version of xsplice-ts knows format ${RECORD_FORMAT_VERSION}`;
    throw new RecordFault('record-version', message, `${RECORD_FORMAT_VERSION}`, version);
  }
  const body = bytes.subarray(lineEnd + 1);
  if (String(body.length) !== length) {
    throw damaged(`${length ?? 'a stated number of'} bytes`, `${body.length} bytes`);
  }
  if (sha256Of(body) !== digest) throw damaged(`SHA-256 ${digest}`, sha256Of(body));
  return body.toString('utf8');
}

function decode(body: string): CodeRecord {
  const record = parseRecordBody(body);
  if (typeof record === 'string') throw damaged(record, 'something else');
  const { formatVersion, digestFormat } = record;
  if (formatVersion !== RECORD_FORMAT_VERSION || digestFormat !== DIGEST_FORMAT) {
    const actual = `${formatVersion} with digests ${JSON.stringify(digestFormat)}`;
    const expected = `${RECORD_FORMAT_VERSION} with digests "${DIGEST_FORMAT}"`;
    const message = `The record of old code has format ${actual}, expected ${expected}`;
    throw new RecordFault('record-version', message, expected, actual);
  }
  return record;
}

/** A record counts for the very bytes that it was made for. */
function requireOwn(record: CodeRecord, payload: Payload): void {
  const contents = loadedContents(payload.elf);
  if (record.contents === contents && isOf(record, payload)) return;
  const message = `The record of old code was made for another payload: it names contents ${record.contents.slice(0, 16)} and build-id ${record.buildId ?? 'none'}, the file has ${contents.slice(0, 16)} and ${idOrNull(payload.buildId) ?? 'none'}`;
  throw new RecordFault('record-foreign', message, record.contents, contents);
}

function isOf(record: CodeRecord, payload: Payload): boolean {
  return (
    record.buildId === idOrNull(payload.buildId) &&
    record.depends === idOrNull(payload.depends) &&
    record.xenDepends === idOrNull(payload.xenDepends) &&
    record.functions.length === payload.functions.length
  );
}
