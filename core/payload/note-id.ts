import { buildIdFromBytes } from '../abi/ids.js';
import {
  ElfError,
  type ElfFile,
  type ElfNote,
  NT_GNU_BUILD_ID,
  readNotes,
  SHF,
  sectionBytes,
} from '../elf/index.js';
import type { Finding } from '../findings/index.js';
import type { PayloadId } from './payload.js';
import type { Report } from './report.js';

/** Ours: SHA-512 has 64 bytes. Xen itself knows no limit. */
const USUAL_ID_BYTES = 64;

/**
 * The id in the first note of a section: what Xen reads, whatever notes follow (prepare_payload and
 * xen_build_id_check, common/livepatch.c and common/version.c; all releases).
 *
 * Reports `malformed-note`, `empty-note`, `duplicate-section`, `section-not-loaded`, `oversized-id`
 * and `extra-notes`. An absent section is not reported: whether that is a fault is the caller's
 * knowledge.
 */
export function readNoteId(elf: ElfFile, name: string, report: Report): PayloadId {
  const [section, ...others] = elf.sections.filter((candidate) => candidate.name === name);
  if (section === undefined) return { status: 'absent' };
  if (others.length > 0) {
    report({
      code: 'duplicate-section',
      severity: 'error',
      section: name,
      message: `There are ${others.length + 1} sections ${name}, where one is expected`,
    });
  }
  if ((section.flags & SHF.ALLOC) === 0n) {
    report({
      code: 'section-not-loaded',
      severity: 'error',
      section: name,
      message: `${name} is not marked to be loaded (SHF_ALLOC), but Xen reads it from memory: some releases crash`,
    });
  }
  if (section.size === 0n) return emptyId(name, `The section ${name} is empty`, report);
  try {
    const bytes = sectionBytes(elf, section);
    const notes = readNotes(bytes, name);
    const first = notes.next();
    if (first.done === true) return emptyId(name, `The section ${name} is empty`, report);
    return idOf(first.value, { name, bytes, sectionOffset: section.offset }, report);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return malformed(
      {
        section: name,
        message: `The note in ${name} cannot be read: ${error.message}`,
        expected: error.expected,
        actual: error.actual,
        ...(error.offset === null ? {} : { offset: error.offset }),
      },
      report,
    );
  }
}

interface NotePlace {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly sectionOffset: bigint;
}

function idOf(note: ElfNote, place: NotePlace, report: Report): PayloadId {
  const owner = note.name.split('\0', 1)[0] ?? '';
  const offset = BigInt(note.offset);
  if (note.type !== NT_GNU_BUILD_ID || owner !== 'GNU') {
    const expected = `type ${NT_GNU_BUILD_ID} of owner "GNU"`;
    const actual = `type ${note.type} of owner ${JSON.stringify(owner)}`;
    return malformed(
      {
        section: place.name,
        message: `The first note in ${place.name} is no build-id: expected ${expected}, found ${actual}`,
        expected,
        actual,
        offset,
      },
      report,
    );
  }
  if (note.desc.length === 0) {
    return emptyId(place.name, `The note in ${place.name} holds an id of 0 bytes`, report);
  }
  if (note.desc.length > USUAL_ID_BYTES) {
    report({
      code: 'oversized-id',
      severity: 'warning',
      section: place.name,
      message: `The id in ${place.name} has ${note.desc.length} bytes, where ids have ${USUAL_ID_BYTES} at most`,
    });
  }
  const descAt = note.desc.byteOffset - place.bytes.byteOffset;
  const end = descAt + Math.ceil(note.desc.length / 4) * 4;
  if (end < place.bytes.length) {
    report({
      code: 'extra-notes',
      severity: 'note',
      section: place.name,
      message: `${place.bytes.length - end} bytes follow the first note in ${place.name}; Xen ignores them`,
    });
  }
  return {
    status: 'present',
    id: buildIdFromBytes(note.desc),
    offset: place.sectionOffset + BigInt(descAt),
  };
}

function emptyId(section: string, message: string, report: Report): PayloadId {
  const hint = 'Put a note with the build-id into it.';
  report({ code: 'empty-note', severity: 'error', section, message, hint });
  return { status: 'empty' };
}

function malformed(detail: Omit<Finding, 'code' | 'severity'>, report: Report): PayloadId {
  const finding = report({
    code: 'malformed-note',
    severity: 'error',
    hint: 'A build-id note has type 3 and the owner GNU, and lies within its section.',
    ...detail,
  });
  return { status: 'malformed', finding };
}
