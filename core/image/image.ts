import { gunzipSync } from 'node:zlib';
import { type BuildId, buildIdFromBytes } from '../abi/ids.js';
import { SECTION } from '../abi/livepatch.js';
import type { XenRelease } from '../abi/release.js';
import {
  ByteReader,
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
  EM,
  ET,
  fileTypeName,
  looksLikeElf,
  machineName,
  NT_GNU_BUILD_ID,
  PF,
  PT,
  readElf,
  readNotes,
  readSymbols,
  SHF,
  SHT,
  STB,
  STT,
  sectionByName,
  sectionBytes,
  segmentBytes,
} from '../elf/index.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import { findEmbeddedTable } from './embedded-table.js';
import { type MemoryRange, protectAsXenDoes, readMemory } from './memory.js';
import { looksLikePe, type PeFile, readPe } from './pe.js';
import { readVersion } from './release.js';
import { createSymbolTable, type SymbolTable } from './symbol-table.js';
import { symbolsFromElf } from './symbols-from-elf.js';

/** Which of the files that one build of Xen gives. All have the same id but xen.efi. */
export type ImageKind =
  /** ELF64, as linked: with symbols unless it was stripped. */
  | 'xen-syms'
  /** gzipped ELF32: what a multiboot loader boots. */
  | 'xen-gz'
  /** The same, unpacked. */
  | 'xen-elf32'
  /** PE32+: what UEFI boots. */
  | 'xen-efi';

export interface ImageBuildId {
  /** `note`: .note.gnu.build-id. `codeview`: the GUID of a PE file's debug directory. */
  readonly source: 'note' | 'codeview';
  readonly id: BuildId;
}

/** A hypervisor image, as it would run. */
export interface HypervisorImage {
  /** As the caller named it. */
  readonly file: string;
  readonly kind: ImageKind;
  /** e_machine of an ELF image; x86-64 for the ELF32 of an x86 build. See EM. */
  readonly machine: number;
  /** All ids found. The first is the one that a hypervisor booted from this file reports. */
  readonly buildIds: readonly ImageBuildId[];
  readonly release: XenRelease | null;
  /** As XENVER_version and extraversion print it, e.g. `4.17.7`; null where it is not known. */
  readonly version: string | null;
  /** When it was compiled, as it says itself; null where it is not known. */
  readonly compiled: string | null;
  /** Null where the image has neither a .symtab nor, to be found, Xen's own table. */
  readonly symbols: SymbolTable | null;
  /** Where the symbols come from; null where there are none. Only `symtab` has sizes of data. */
  readonly symbolSource: 'symtab' | 'embedded' | null;
  /**
   * By ascending address. Empty where the link address of an ELF32 image could not be told, and where the file
   * has no contents.
   */
  readonly memory: readonly MemoryRange[];
  readonly findings: readonly Finding[];
}

/** Ours: a Xen of 4.22 with everything is 5 MiB unpacked, with debug information 30. */
export const MAX_IMAGE_SIZE = 64 * 1024 * 1024;

/** Values that XEN_VIRT_START has had on x86: up to 4.13, and since (asm/config.h). */
const X86_VIRT_STARTS = [0xffff82d0_80000000n, 0xffff82d0_40000000n] as const;

/**
 * Reads a hypervisor image in any of its forms. Fails with `not-an-image` on anything else, saying what
 * it looks like, with `image-too-large`, and with an ElfError or `image-damaged` where the file is damaged.
 */
export function readImage(bytes: Uint8Array, file: string): HypervisorImage {
  checkSize(bytes, file);
  if (looksLikeGzip(bytes)) {
    const inner = unpack(bytes, file);
    if (!looksLikeElf(inner)) throw notAnImage(file, 'a gzipped file that holds no ELF file');
    const image = readElfImage(readElf(inner), file);
    return image.kind === 'xen-elf32' ? { ...image, kind: 'xen-gz' } : image;
  }
  if (looksLikeElf(bytes)) return readElfImage(readElf(bytes), file);
  if (looksLikePe(bytes)) return readEfiImage(readPe(bytes), file);
  throw notAnImage(file, describe(bytes));
}

function checkSize(bytes: Uint8Array, file: string): void {
  if (bytes.length > MAX_IMAGE_SIZE) {
    throw new XspliceError(
      'image-too-large',
      `${file}: expected a hypervisor image of at most ${MAX_IMAGE_SIZE} bytes, found ${bytes.length}`,
    );
  }
}

function looksLikeGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function unpack(bytes: Uint8Array, file: string): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_IMAGE_SIZE });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new XspliceError('image-damaged', `${file}: cannot be unpacked: ${reason}`, {
      hint: `The file is damaged, or holds more than ${MAX_IMAGE_SIZE} bytes.`,
      cause,
    });
  }
}

function describe(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file';
  const start = Buffer.from(bytes.subarray(0, 4)).toString('hex');
  return `a file that begins with the bytes ${start}`;
}

function notAnImage(file: string, what: string, hint?: string): XspliceError {
  return new XspliceError(
    'not-an-image',
    `${file}: expected a hypervisor image (xen-syms, xen.gz or xen.efi), found ${what}`,
    hint === undefined ? {} : { hint },
  );
}

function readElfImage(elf: ElfFile, file: string): HypervisorImage {
  checkElfKind(elf, file);
  const findings: Finding[] = [];
  const buildIds = noteIds(elf, file, findings);
  const link = elf.class === 64 ? readElf64(elf, file, findings) : readElf32(elf, file, findings);
  return assemble(file, elf.class === 64 ? 'xen-syms' : 'xen-elf32', {
    machine: elf.class === 64 ? elf.header.machine : EM.X86_64,
    buildIds,
    findings,
    ...link,
  });
}

function checkElfKind(elf: ElfFile, file: string): void {
  const { type, machine } = elf.header;
  if (type === ET.REL) {
    const isPayload = elf.sections.some(({ name }) => name.startsWith('.livepatch.'));
    throw isPayload
      ? notAnImage(
          file,
          'a live-patch payload',
          'This is a payload: name it as a file to check or apply.',
        )
      : notAnImage(file, 'an object file (ELF type REL)');
  }
  if (type !== ET.EXEC) throw notAnImage(file, `an ELF file of type ${fileTypeName(type)}`);
  const known =
    elf.class === 64 ? machine === EM.X86_64 || machine === EM.AARCH64 : machine === EM.I386;
  if (!known) {
    throw notAnImage(file, `an ELF${elf.class} program for ${machineName(machine)}`);
  }
}

interface Linked {
  readonly memory: readonly MemoryRange[];
  readonly symbols: SymbolTable | null;
  readonly symbolSource: HypervisorImage['symbolSource'];
}

function readElf64(elf: ElfFile, file: string, findings: Finding[]): Linked {
  const hasContents = !elf.sections.some(isWithoutContents);
  if (!hasContents) {
    findings.push(finding('image-no-contents', { file, message: noContents(file) }));
  }
  const memory = hasContents ? elf64Memory(elf) : [];
  const symbols = readSymbols(elf);
  const table = symbols === null || symbols.length <= 1 ? null : symbolsFromElf(elf, symbols);
  const isComplete = table !== null && namesFiles(symbols ?? []);
  if (isComplete) return { memory, symbols: table, symbolSource: 'symtab' };
  const origin = X86_VIRT_STARTS.find((start) =>
    memory.some(({ address }) => address >= start && address < start + 0x40000000n),
  );
  const own = embeddedSymbols(memory, origin ?? 0n);
  if (table === null) return { memory, ...own };
  const stripped = `${file}: its symbol table has no names of files (strip --strip-debug)`;
  if (own.symbols !== null) {
    const message = `${stripped}: Xen's own table in it is taken instead`;
    findings.push(finding('image-no-file-names', { file, message, severity: 'note' }));
    return { ...own, memory, symbols: withSizesOf(own.symbols, table) };
  }
  const message = `${stripped}, and Xen's own table is not found in it: names of local symbols are wrong, and so may be verdicts on them`;
  findings.push(finding('image-no-file-names', { file, message }));
  return { memory, symbols: table, symbolSource: 'symtab' };
}

/** Whether local symbols can be told apart: Xen names them by the FILE symbols before them. */
function namesFiles(symbols: readonly ElfSymbol[]): boolean {
  if (symbols.some(({ type }) => type === STT.FILE)) return true;
  const isNamed = ({ binding, type }: ElfSymbol) =>
    binding === STB.LOCAL && (type === STT.FUNC || type === STT.OBJECT);
  return !symbols.some(isNamed);
}

/** A table of Xen's own, which has no sizes, with those that another table of the same build has. */
function withSizesOf(own: SymbolTable, other: SymbolTable): SymbolTable {
  const sized = own.entries.map((entry) => {
    if (entry.size > 0n) return entry;
    const plain = entry.name.slice(entry.name.lastIndexOf('#') + 1);
    const same = other.at(entry.address).find(({ name }) => name === plain);
    return same === undefined ? entry : { ...entry, size: same.size };
  });
  return createSymbolTable(sized);
}

/** That a file is one of debug information only, for a message. */
function noContents(file: string): string {
  return `${file}: its sections have no contents (objcopy --only-keep-debug)`;
}

/**
 * Code and read-only data that are not in the file. Of a Xen as it was linked only .bss is not, which is
 * writable; where others are missing too, those that are writable may be anything as well.
 */
function isWithoutContents({ type, flags, size }: ElfSection): boolean {
  const isBss = (flags & SHF.WRITE) !== 0n && (flags & SHF.EXECINSTR) === 0n;
  return type === SHT.NOBITS && size > 0n && (flags & SHF.ALLOC) !== 0n && !isBss;
}

/** The allocated sections; the loaded segments where the file has no sections. */
function elf64Memory(elf: ElfFile): readonly MemoryRange[] {
  const ranges =
    elf.sections.length > 0
      ? elf.sections
          .filter(({ flags, size }) => (flags & SHF.ALLOC) !== 0n && size > 0n)
          .map((section) => ({
            address: section.address,
            bytes: section.type === SHT.NOBITS ? new Uint8Array() : sectionBytes(elf, section),
            sizeBytes: section.size,
            writable: (section.flags & SHF.WRITE) !== 0n,
            executable: (section.flags & SHF.EXECINSTR) !== 0n,
            init: section.name.startsWith('.init'),
          }))
      : loadedSegments(elf, 0n);
  return ranges.sort(byAddress);
}

function loadedSegments(elf: ElfFile, base: bigint): MemoryRange[] {
  return elf.segments
    .filter(({ type, memorySize }) => type === PT.LOAD && memorySize > 0n)
    .map((segment) => {
      const bytes = segmentBytes(elf, segment);
      return {
        address: base + segment.virtualAddress,
        bytes,
        sizeBytes:
          segment.memorySize > BigInt(bytes.length) ? segment.memorySize : BigInt(bytes.length),
        writable: (segment.flags & PF.W) !== 0,
        executable: (segment.flags & PF.X) !== 0,
        init: false,
      };
    });
}

function byAddress(a: MemoryRange, b: MemoryRange): number {
  return a.address < b.address ? -1 : a.address > b.address ? 1 : 0;
}

/**
 * mkelf32 (xen/arch/x86/boot/mkelf32.c) keeps the loaded bytes and moves them to their distance
 * from XEN_VIRT_START.
 */
function readElf32(elf: ElfFile, file: string, findings: Finding[]): Linked {
  const loaded = loadedSegments(elf, 0n).sort(byAddress);
  const origin = virtStartOf(loaded);
  if (origin === null) {
    findings.push(
      finding('image-address-unknown', {
        file,
        message:
          'The address that the image runs at could not be told: expected pointers to one known start of Xen, found none or two',
      }),
    );
    return { memory: [], symbols: null, symbolSource: null };
  }
  const memory = loaded.map((range) => ({ ...range, address: origin + range.address }));
  return { memory, ...embeddedSymbols(memory, origin) };
}

/**
 * XEN_VIRT_START of an image that is linked for it but does not say so: the one that its aligned
 * 64-bit words point into. Null unless all but a hundredth agree.
 */
function virtStartOf(loaded: readonly MemoryRange[]): bigint | null {
  const votes = X86_VIRT_STARTS.map((start) => ({ start, count: 0 }));
  for (const { address, bytes, sizeBytes } of loaded) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + 8 <= bytes.length; at += 8) {
      if (view.getUint32(at + 4, true) !== 0xffff82d0) continue;
      const value = view.getBigUint64(at, true);
      for (const vote of votes) {
        const offset = value - vote.start - address;
        if (offset >= 0n && offset < sizeBytes) vote.count++;
      }
    }
  }
  const [best, second] = votes.sort((a, b) => b.count - a.count);
  if (best === undefined || best.count === 0) return null;
  return second === undefined || second.count * 100 < best.count ? best.start : null;
}

function embeddedSymbols(
  memory: readonly MemoryRange[],
  origin: bigint,
): Pick<Linked, 'symbols' | 'symbolSource'> {
  for (const { bytes } of memory) {
    const entries = findEmbeddedTable(bytes, origin);
    if (entries !== null) return { symbols: createSymbolTable(entries), symbolSource: 'embedded' };
  }
  return { symbols: null, symbolSource: null };
}

/** The ids of the build-id section, or of the note segments of an image that has no such section. */
function noteIds(elf: ElfFile, file: string, findings: Finding[]): readonly ImageBuildId[] {
  const section = sectionByName(elf, SECTION.buildId);
  const places =
    section !== null
      ? [{ what: `section ${section.name}`, bytes: () => sectionBytes(elf, section) }]
      : elf.segments
          .filter(({ type }) => type === PT.NOTE)
          .map((segment) => ({
            what: `note segment ${segment.index}`,
            bytes: () => segmentBytes(elf, segment),
          }));
  return places.flatMap(({ what, bytes }) => idsIn(bytes, what, file, findings));
}

function idsIn(
  bytes: () => Uint8Array,
  what: string,
  file: string,
  findings: Finding[],
): readonly ImageBuildId[] {
  const ids: ImageBuildId[] = [];
  try {
    for (const note of readNotes(bytes(), what)) {
      if (note.name !== 'GNU' || note.type !== NT_GNU_BUILD_ID) continue;
      if (note.desc.length > 0) ids.push({ source: 'note', id: buildIdFromBytes(note.desc) });
    }
  } catch (error) {
    if (!(error instanceof XspliceError)) throw error;
    findings.push(
      finding('image-bad-note', {
        file,
        message: error.message,
      }),
    );
  }
  return ids;
}

function readEfiImage(pe: PeFile, file: string): HypervisorImage {
  const findings: Finding[] = [];
  // .pad only makes the image 16 MiB large (xen/arch/x86/xen.lds.S).
  const memory = pe.sections
    .filter(
      ({ name, range, discardable }) => range.sizeBytes > 0n && !discardable && name !== '.pad',
    )
    .map(({ range }) => range)
    .sort(byAddress);
  const embedded = embeddedSymbols(memory, pe.imageBase);
  const codeView: readonly ImageBuildId[] =
    pe.codeViewGuid === null ? [] : [{ source: 'codeview', id: buildIdFromBytes(pe.codeViewGuid) }];
  return assemble(file, 'xen-efi', {
    machine: pe.machine === 0xaa64 ? EM.AARCH64 : EM.X86_64,
    // xen_build_init looks at the note first, and at the CodeView record where there is none.
    buildIds: [...efiNoteIds(memory, embedded.symbols, file, findings), ...codeView],
    findings,
    memory,
    ...embedded,
  });
}

/**
 * The note between the symbols that Xen's own code finds it by. They may enclose the debug directory
 * instead: xen_build_id_check takes the bytes for a note only where the type says so.
 */
function efiNoteIds(
  memory: readonly MemoryRange[],
  symbols: SymbolTable | null,
  file: string,
  findings: Finding[],
): readonly ImageBuildId[] {
  const start = symbols?.lookup('__note_gnu_build_id_start') ?? null;
  const end = symbols?.lookup('__note_gnu_build_id_end') ?? null;
  if (start === null || end === null) return [];
  const size = end - start;
  if (size < 12n || size > BigInt(MAX_IMAGE_SIZE)) return [];
  const bytes = readMemory(memory, start, Number(size));
  if (bytes === null) return [];
  const type = new ByteReader(bytes, 'the build-id note').u32(8, 'type');
  return type === NT_GNU_BUILD_ID ? idsIn(() => bytes, 'the build-id note', file, findings) : [];
}

interface Parts extends Linked {
  readonly machine: number;
  readonly buildIds: readonly ImageBuildId[];
  readonly findings: readonly Finding[];
}

function assemble(file: string, kind: ImageKind, parts: Parts): HypervisorImage {
  const memory =
    parts.symbols === null ? parts.memory : protectAsXenDoes(parts.memory, parts.symbols);
  const findings = [...parts.findings];
  if (parts.buildIds.length === 0 && findings.every(({ code }) => code !== 'image-bad-note')) {
    findings.push(
      finding('image-no-build-id', {
        file,
        message: 'No build-id: expected a GNU note or a CodeView record, found neither',
      }),
    );
  }
  if (parts.symbols === null) {
    findings.push(
      finding('image-no-symbols', {
        file,
        message: 'No symbols: expected a .symtab or the table of Xen itself, found neither',
      }),
    );
  }
  if (isDebugBuild(memory)) {
    const message = `${file} is a debug build: lines that only such a build prints (dprintk) are not predicted`;
    findings.push(finding('image-debug-build', { file, message }));
  }
  return {
    file,
    kind,
    machine: parts.machine,
    buildIds: parts.buildIds,
    ...readVersion(memory, parts.symbols),
    symbols: parts.symbols,
    symbolSource: parts.symbolSource,
    memory,
    findings,
  };
}

/** A format that only a build with dprintk holds (build_symbol_table, common/livepatch.c; all releases). */
const DEBUG_FORMAT = Buffer.from('livepatch: %s: new symbol %s\n', 'latin1');

function isDebugBuild(memory: readonly MemoryRange[]): boolean {
  return memory.some(({ bytes }) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(DEBUG_FORMAT),
  );
}
