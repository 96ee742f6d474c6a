import { type BuildId, buildIdAt } from '../abi/ids.js';
import { HOOK_KINDS, hookSection, LIVEPATCH_MAX_SIZE, SECTION } from '../abi/livepatch.js';
import { EM, ET, NT_GNU_BUILD_ID, SHF, SHT } from '../elf/index.js';

/** The ids of a payload: all that a chain is made of. */
export interface HeadIds {
  readonly buildId: BuildId;
  readonly depends: BuildId;
  readonly xenDepends: BuildId;
}

/** Bytes of a file: those at an offset are at the same place in these bytes, less `base`. */
export interface FilePart {
  readonly bytes: Buffer;
  readonly base: number;
}

/** A part with all of these bytes, good until the call after the next; null where they are not there, or too many. */
export type ReadPart = (offset: number, sizeBytes: number) => FilePart | null;

/** Bytes that the readers of heads ask for at most, at once. */
export const MAX_HEAD_PART = 64 * 1024;

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const NOTE_HEADER_BYTES = 16;
const MAX_ID_BYTES = 64;
/** ELF64, little-endian, version 1: bytes 4 to 6 of the file. */
const IDENT = 0x010102;
const MAGIC = 0x464c457f;
/** "GNU" and its NUL. */
const GNU = 0x00554e47;

const IDS: ReadonlyMap<string, keyof HeadIds> = new Map([
  [SECTION.buildId, 'buildId'],
  [SECTION.depends, 'depends'],
  [SECTION.xenDepends, 'xenDepends'],
]);
const PATCHING: ReadonlySet<string> = new Set([SECTION.funcs, ...HOOK_KINDS.map(hookSection)]);
const LONGEST_NAME = Math.max(...[...PATCHING, ...IDS.keys()].map((name) => name.length));
const DOT = 0x2e;
const [LETTER_N, LETTER_L] = [0x6e, 0x6c];

/**
 * The ids of a payload in which nothing is out of the ordinary, from its headers and its notes alone: as most
 * payloads of a repository are. Null where anything is not as it should be, or only seldom so: what that is,
 * readPayload says, which reads all of the file.
 */
export function readHead(read: ReadPart, fileBytes: number): HeadIds | null {
  if (fileBytes < HEADER_BYTES || fileBytes > LIVEPATCH_MAX_SIZE) return null;
  const table = tableIn(read(0, HEADER_BYTES), fileBytes);
  const sections = table === null ? null : readSections(read, table);
  if (sections === null) return null;
  const found: Partial<Record<keyof HeadIds, BuildId>> = {};
  for (const { name, offset, sizeBytes } of sections.notes) {
    const note = read(offset, sizeBytes);
    const id = note === null ? null : idIn(note.bytes, offset - note.base, sizeBytes);
    if (id === null || found[name] !== undefined) return null;
    found[name] = id;
  }
  const { buildId, depends, xenDepends } = found;
  if (buildId === undefined || depends === undefined || xenDepends === undefined) return null;
  return sections.patches ? { buildId, depends, xenDepends } : null;
}

/** Where the section headers are, as the file's header says. */
interface Table {
  readonly tableAt: number;
  readonly count: number;
  readonly namesIndex: number;
  readonly fileBytes: number;
}

function tableIn(header: FilePart | null, fileBytes: number): Table | null {
  if (header === null) return null;
  const { bytes } = header;
  const machine = bytes.readUInt16LE(18);
  const tableAt = offsetAt(bytes, 40);
  const count = bytes.readUInt16LE(60);
  const namesIndex = bytes.readUInt16LE(62);
  const isUsual =
    bytes.readUInt32LE(0) === MAGIC &&
    (bytes.readUInt32LE(4) & 0xffffff) === IDENT &&
    bytes.readUInt16LE(16) === ET.REL &&
    (machine === EM.X86_64 || machine === EM.AARCH64) &&
    bytes.readUInt32LE(20) === 1 &&
    bytes.readUInt16LE(56) === 0 &&
    bytes.readUInt16LE(58) === SECTION_BYTES &&
    tableAt > 0 &&
    namesIndex > 0 &&
    namesIndex < count;
  return isUsual ? { tableAt, count, namesIndex, fileBytes } : null;
}

interface NoteSection {
  readonly name: keyof HeadIds;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** The sections of ids, and whether there is one that patches; null where a header is not as it should be. */
function readSections(
  read: ReadPart,
  { tableAt, count, namesIndex, fileBytes }: Table,
): { readonly notes: readonly NoteSection[]; readonly patches: boolean } | null {
  const part = read(tableAt, count * SECTION_BYTES);
  if (part === null) return null;
  const { bytes: table } = part;
  const start = tableAt - part.base;
  const namesHeader = start + namesIndex * SECTION_BYTES;
  if (table.readUInt32LE(namesHeader + 4) !== SHT.STRTAB) return null;
  const namesOffset = offsetAt(table, namesHeader + 24);
  const namesBytes = offsetAt(table, namesHeader + 32);
  const names = read(namesOffset, namesBytes);
  const namesAt = names === null ? 0 : namesOffset - names.base;
  if (names === null || namesBytes === 0 || names.bytes[namesAt + namesBytes - 1] !== 0)
    return null;
  const notes: NoteSection[] = [];
  let patches = false;
  for (let index = 0; index < count; index++) {
    const at = start + index * SECTION_BYTES;
    const nameAt = table.readUInt32LE(at);
    const type = table.readUInt32LE(at + 4);
    const flags = table.readUInt32LE(at + 8);
    const offset = offsetAt(table, at + 24);
    const sizeBytes = offsetAt(table, at + 32);
    const isInFile = type === SHT.NOBITS || offset + sizeBytes <= fileBytes;
    const isDebugOnly = type === SHT.NOBITS && sizeBytes > 0 && (flags & EXECINSTR) !== 0;
    if (nameAt >= namesBytes || !isInFile || isDebugOnly) return null;
    const name = nameIn(names.bytes, namesAt + nameAt);
    if (PATCHING.has(name)) patches = true;
    const id = IDS.get(name);
    if (id === undefined) continue;
    if ((flags & ALLOC) === 0 || type === SHT.NOBITS) return null;
    notes.push({ name: id, offset, sizeBytes });
  }
  return { notes, patches };
}

const ALLOC = Number(SHF.ALLOC);
const EXECINSTR = Number(SHF.EXECINSTR);

/** The name that ends at the next NUL; empty for one that counts for nothing here. */
function nameIn(names: Buffer, at: number): string {
  const second = names[at + 1];
  if (names[at] !== DOT || (second !== LETTER_N && second !== LETTER_L)) return '';
  let end = at;
  while (names[end] !== 0) end++;
  return end - at > LONGEST_NAME ? '' : names.toString('latin1', at, end);
}

/** The id in a section that holds one note, and nothing behind it. */
function idIn(bytes: Buffer, at: number, sizeBytes: number): BuildId | null {
  if (sizeBytes < NOTE_HEADER_BYTES) return null;
  const idBytes = bytes.readUInt32LE(at + 4);
  const isUsual =
    bytes.readUInt32LE(at) === 4 &&
    bytes.readUInt32LE(at + 8) === NT_GNU_BUILD_ID &&
    bytes.readUInt32LE(at + 12) === GNU &&
    idBytes > 0 &&
    idBytes <= MAX_ID_BYTES &&
    idBytes % 4 === 0 &&
    sizeBytes === NOTE_HEADER_BYTES + idBytes;
  return isUsual ? buildIdAt(bytes, at + NOTE_HEADER_BYTES, idBytes) : null;
}

/** A 64-bit value; one that lies in no file comes out larger than all that do. */
function offsetAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 0x1_0000_0000 + bytes.readUInt32LE(at);
}
