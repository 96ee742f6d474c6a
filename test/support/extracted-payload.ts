import { createHash } from 'node:crypto';
import { LIVEPATCH_FUNC, SECTION } from '../../core/abi/livepatch.js';
import { R_X86_64 } from '../../core/elf/constants.js';
import { SHF, SHT, STB, STT } from '../../core/elf/index.js';
import { type HypervisorImage, rangeAt, readMemory } from '../../core/image/index.js';
import { type BaseCode, type CodeExtent, readBaseCode } from '../../core/oldcode/index.js';
import { type Instruction, loadDisassembler } from '../../core/x86/index.js';
import {
  buildElf,
  buildIdNote,
  hexBytes,
  type RelocationSpec,
  type SectionSpec,
  type SymbolSpec,
} from './elf-builder.js';

/** What a payload is made of. */
export interface ExtractSpec {
  /** As Xen's table names them. */
  readonly functions: readonly string[];
  /** True where this Xen writes into .livepatch.funcs (before 4.17.3). */
  readonly writableFuncs?: boolean;
  /** Bytes of the hypervisor's build-id, hex; default: the image's. */
  readonly hypervisor?: string;
}

const CODE = SHF.ALLOC | SHF.EXECINSTR;
const ENTRY_BYTES = { alternative: 14, exception: 8, bugFrame: 8 } as const;
/** Types of bug frames without a message: run_fn, WARN, BUG. */
const BUG_TYPES = [0, 1, 2] as const;
const STRINGS = '.rodata.str1.1';
const NAMES = '.livepatch.strings';
const FIXUP = '.fixup';
const REPLACEMENTS = SECTION.altReplacement;

/**
 * A payload as livepatch-build-tools makes it of the functions that a fix changes, here with the very code that the
 * image has: sections for each function and its cold part, imports by the names of Xen's table, strings copied, and of
 * alternatives, exception table, .fixup and bug frames what belongs to that code. Made of the image alone, so that no
 * source of Xen is needed.
 */
export function extractPayload(image: HypervisorImage, spec: ExtractSpec): Uint8Array {
  return new Extraction(image, spec).build();
}

/** The whole or a part of a function. */
interface Part {
  readonly extent: CodeExtent;
  readonly section: string;
  readonly symbol: string;
  readonly bytes: Uint8Array;
}

class Extraction {
  readonly #image: HypervisorImage;
  readonly #spec: ExtractSpec;
  readonly #base: BaseCode;
  readonly #disassembler = loadDisassembler();
  readonly #parts = new Map<CodeExtent, Part>();
  readonly #symbols = new Map<string, SymbolSpec>();
  readonly #relocations: RelocationSpec[] = [];
  readonly #contents = new Map<string, number[]>();
  readonly #strings = new Map<bigint, number>();

  constructor(image: HypervisorImage, spec: ExtractSpec) {
    this.#image = image;
    this.#spec = spec;
    this.#base = readBaseCode(image);
  }

  build(): Uint8Array {
    for (const name of this.#spec.functions) this.#addFunction(name);
    for (const part of this.#parts.values()) this.#relocateCode(part.section, 0, part);
    for (const part of this.#parts.values()) {
      this.#addExceptions(part);
      this.#addAlternatives(part);
      for (const type of BUG_TYPES) this.#addBugFrames(part, type);
    }
    const funcs = this.#funcs();
    const xen = this.#spec.hypervisor ?? this.#image.buildIds[0]?.id ?? '';
    const own = createHash('sha1').update(xen).update(this.#spec.functions.join('\n')).digest();
    const note = (name: string, id: Uint8Array): SectionSpec => ({
      ...{ name, type: SHT.NOTE, flags: SHF.ALLOC, align: 4, data: buildIdNote(id) },
    });
    const data = (name: string) => Uint8Array.from(this.#contents.get(name) ?? []);
    const present = (name: string, flags: bigint, align = 1): readonly SectionSpec[] =>
      this.#contents.has(name) ? [{ name, flags, align, data: data(name) }] : [];
    const funcsFlags = this.#spec.writableFuncs === true ? SHF.ALLOC | SHF.WRITE : SHF.ALLOC;
    return buildElf({
      sections: [
        ...[...this.#parts.values()].map(
          ({ section, bytes }): SectionSpec => ({
            ...{ name: section, flags: CODE, align: 16, data: bytes },
          }),
        ),
        ...present(FIXUP, CODE),
        ...present(REPLACEMENTS, CODE),
        ...present(STRINGS, SHF.ALLOC),
        ...present(NAMES, SHF.ALLOC),
        ...present(SECTION.altInstructions, SHF.ALLOC),
        ...present(SECTION.exTable, SHF.ALLOC, 4),
        ...BUG_TYPES.flatMap((type) => present(`.bug_frames.${type}`, SHF.ALLOC, 4)),
        { name: SECTION.funcs, flags: funcsFlags, align: 8, data: funcs },
        note(SECTION.buildId, own),
        note(SECTION.depends, hexBytes(xen)),
        note(SECTION.xenDepends, hexBytes(xen)),
      ],
      symbols: [...this.#symbols.values()],
      relocations: this.#relocations,
    });
  }

  #addFunction(name: string): void {
    const extent = this.#base.extents.find((candidate) => candidate.name === name);
    if (extent === undefined) throw new Error(`${this.#image.file} has no function ${name}`);
    const cold = this.#base.extents.find((candidate) => candidate.name === `${name}.cold`);
    for (const part of cold === undefined ? [extent] : [extent, cold]) {
      if (this.#parts.has(part)) continue;
      const plain = part.name.split('#').at(-1) ?? '';
      const section = part === extent ? `.text.${plain}` : `.text.unlikely.${plain}`;
      const [symbol] = this.#base.symbols.at(part.address);
      const sizeBytes = Number(symbol?.size ?? 0n) || part.sizeBytes;
      const bytes = readMemory(this.#image.memory, part.address, sizeBytes);
      if (bytes === null) throw new Error(`${this.#image.file} does not hold ${name}`);
      this.#parts.set(part, {
        extent: part,
        section,
        symbol: plain,
        bytes: Uint8Array.from(bytes),
      });
      this.#define(plain, section, 0, bytes.length, STT.FUNC);
    }
  }

  /** Symbols of its own: Xen refuses one that a loaded payload has. */
  #own(name: string): string {
    return `.L${name}.${this.#spec.functions.join('+')}`;
  }

  #define(name: string, section: string, at: number, size: number, type: number): void {
    this.#symbols.set(name, {
      ...{ name, section, value: BigInt(at), size: BigInt(size), type, binding: STB.LOCAL },
    });
  }

  /** A section's contents so far; the bytes are added to it and their place is given. */
  #append(section: string, bytes: Uint8Array): number {
    const contents = this.#contents.get(section) ?? [];
    const at = contents.length;
    // One at a time: a section may hold more bytes than a call takes arguments.
    for (const byte of bytes) contents.push(byte);
    this.#contents.set(section, contents);
    return at;
  }

  #poke(section: string, at: number, sizeBytes: number): void {
    const contents = this.#contents.get(section) ?? [];
    contents.fill(0, at, at + sizeBytes);
  }

  /** Where a thing of the image is for the payload: in itself, or an import. */
  #target(address: bigint): { readonly symbol: string; readonly addend: bigint } {
    for (const { extent, symbol, bytes } of this.#parts.values()) {
      const offset = address - extent.address;
      if (offset >= 0n && offset < BigInt(bytes.length)) return { symbol, addend: offset };
    }
    const owner = this.#base.symbols.ownerOf(address);
    const { size = 0n } = owner?.symbol ?? {};
    const range = rangeAt(this.#image.memory, address);
    const isConstant = range !== null && !range.writable && !range.executable;
    if (isConstant && (owner === null || owner.offset >= size)) {
      return { symbol: this.#own('string'), addend: BigInt(this.#string(address)) };
    }
    if (owner === null) throw new Error(`nothing at 0x${address.toString(16)}`);
    // Of several at one address the one that Xen finds there.
    const found = this.#base.symbols
      .at(owner.symbol.address)
      .find(({ name }) => this.#base.symbols.lookup(name) === owner.symbol.address);
    const name = found?.name ?? owner.symbol.name;
    if (!this.#symbols.has(name)) this.#symbols.set(name, { name });
    return { symbol: name, addend: owner.offset };
  }

  /** A copy of a string, or of what else has no symbol: up to a NUL. */
  #string(address: bigint): number {
    const known = this.#strings.get(address);
    if (known !== undefined) return known;
    const bytes = readMemory(this.#image.memory, address, 512) ?? new Uint8Array(64);
    const end = bytes.indexOf(0) + 1;
    const at = this.#append(STRINGS, bytes.subarray(0, Math.max(end, 16)));
    this.#strings.set(address, at);
    if (!this.#symbols.has(this.#own('string')))
      this.#define(this.#own('string'), STRINGS, 0, 0, STT.OBJECT);
    return at;
  }

  #link(section: string, at: number, target: bigint, addend: bigint): void {
    const { symbol, addend: offset } = this.#target(target);
    this.#relocations.push({
      ...{ section, offset: BigInt(at), type: R_X86_64.PC32, symbol, addend: offset + addend },
    });
  }

  /** Relocates code that lies at `base` of a section now. What stays within it is left. */
  #relocateCode(
    section: string,
    base: number,
    { extent: { address }, bytes }: Pick<Part, 'bytes'> & { readonly extent: { address: bigint } },
  ): void {
    const end = address + BigInt(bytes.length);
    for (const instruction of this.#disassembler.decodeFunction(Uint8Array.from(bytes), address)) {
      for (const { kind, offset, sizeBytes } of instruction.addressFields) {
        const target = targetOf(instruction, kind);
        if (target === null || (kind !== 'absolute' && target >= address && target < end)) continue;
        const start = Number(instruction.address - address);
        const at = start + offset;
        if (kind === 'absolute') {
          if (rangeAt(this.#image.memory, target) === null) continue;
          const { symbol, addend } = this.#target(target);
          const place = BigInt(base + at);
          this.#relocations.push({ section, offset: place, type: R_X86_64[64], symbol, addend });
        } else {
          if (sizeBytes !== 4) throw new Error(`a short branch out of ${section}`);
          this.#link(section, base + at, target, BigInt(at - start - instruction.length));
        }
        if (this.#contents.has(section)) this.#poke(section, base + at, sizeBytes);
        else bytes.fill(0, at, at + sizeBytes);
      }
    }
  }

  /** Entries of a table of the image: their address and their bytes. */
  *#entries(start: string, end: string, entryBytes: number) {
    const from = this.#base.symbols.lookup(start);
    const to = this.#base.symbols.lookup(end);
    if (from === null || to === null) return;
    const bytes = readMemory(this.#image.memory, from, Number(to - from));
    if (bytes === null) throw new Error(`no contents of ${start}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
      const entry = Uint8Array.from(bytes.subarray(at, at + entryBytes));
      const distance = (field: number) =>
        from + BigInt(at + field) + BigInt(view.getInt32(at + field, true));
      yield { address: from + BigInt(at), entry, distance, view, at };
    }
  }

  #addExceptions(part: Part): void {
    const entries = this.#entries('__start___ex_table', '__stop___ex_table', ENTRY_BYTES.exception);
    for (const { distance } of entries) {
      const [from, to] = [distance(0), distance(4)];
      if (!isIn(part, from)) continue;
      const at = this.#append(SECTION.exTable, new Uint8Array(ENTRY_BYTES.exception));
      this.#link(SECTION.exTable, at, from, 0n);
      const fixup = this.#base.extents.find(
        ({ address, name }) => address === to && /\.fixup(~\d+)?$/.test(name),
      );
      if (fixup === undefined) {
        this.#link(SECTION.exTable, at + 4, to, 0n);
        continue;
      }
      const place = this.#addFixup(fixup);
      this.#relocations.push({
        ...{ section: SECTION.exTable, offset: BigInt(at + 4), type: R_X86_64.PC32 },
        ...{ symbol: this.#own('fixup'), addend: BigInt(place) },
      });
    }
  }

  /** The piece of .fixup up to its last jump back. */
  #addFixup({ address, sizeBytes }: CodeExtent): number {
    const all = readMemory(this.#image.memory, address, sizeBytes) ?? new Uint8Array();
    const code = this.#disassembler.decodeFunction(all, address);
    const last = code.find(({ flow }) => flow === 'jump');
    const length = last === undefined ? sizeBytes : Number(last.address - address) + last.length;
    const bytes = Uint8Array.from(all.subarray(0, length));
    const at = this.#append(FIXUP, bytes);
    if (!this.#symbols.has(this.#own('fixup')))
      this.#define(this.#own('fixup'), FIXUP, 0, 0, STT.NOTYPE);
    this.#relocateCode(FIXUP, at, { extent: { address }, bytes });
    return at;
  }

  #addAlternatives(part: Part): void {
    const entries = this.#entries(
      '__alt_instructions',
      '__alt_instructions_end',
      ENTRY_BYTES.alternative,
    );
    for (const { entry, distance } of entries) {
      const origin = distance(0);
      if (!isIn(part, origin)) continue;
      const replacement = distance(4);
      const bytes = readMemory(this.#image.memory, replacement, entry[11] ?? 0);
      if (bytes === null) throw new Error('no contents of a replacement');
      const copy = Uint8Array.from(bytes);
      const place = this.#append(REPLACEMENTS, copy);
      if (!this.#symbols.has(this.#own('replacement'))) {
        this.#define(this.#own('replacement'), REPLACEMENTS, 0, 0, STT.NOTYPE);
      }
      // A call of itself is the mark of an alternative call.
      this.#relocateCode(REPLACEMENTS, place, { extent: { address: replacement }, bytes: copy });
      entry.fill(0, 0, 8);
      const at = this.#append(SECTION.altInstructions, entry);
      this.#link(SECTION.altInstructions, at, origin, 0n);
      this.#relocations.push({
        ...{ section: SECTION.altInstructions, offset: BigInt(at + 4), type: R_X86_64.PC32 },
        ...{ symbol: this.#own('replacement'), addend: BigInt(place) },
      });
    }
  }

  /** struct bug_frame: two distances of 24 bits from its start, each with a byte of the line above it. */
  #addBugFrames(part: Part, type: (typeof BUG_TYPES)[number]): void {
    // 4.14 and 4.20 have one start for all of them.
    const { symbols } = this.#base;
    const start =
      type === 0 && symbols.lookup('__start_bug_frames_0') === null
        ? '__start_bug_frames'
        : symbols.lookup(`__start_bug_frames_${type}`) === null
          ? `__stop_bug_frames_${type - 1}`
          : `__start_bug_frames_${type}`;
    const section = `.bug_frames.${type}`;
    const frames = this.#entries(start, `__stop_bug_frames_${type}`, ENTRY_BYTES.bugFrame);
    for (const { address, view, at } of frames) {
      const distance = (field: number) => BigInt((view.getInt32(at + field, true) << 8) >> 8);
      const high = (field: number) => BigInt(view.getUint8(at + field + 3)) << 24n;
      const location = address + distance(0);
      if (!isIn(part, location)) continue;
      const place = this.#append(section, new Uint8Array(ENTRY_BYTES.bugFrame));
      this.#link(section, place, location, BigInt.asIntN(32, high(0)));
      this.#link(section, place + 4, address + distance(4), BigInt.asIntN(32, high(4)) + 4n);
    }
  }

  #funcs(): Uint8Array {
    const size = LIVEPATCH_FUNC.sizeBytes[2];
    const { functions } = this.#spec;
    const bytes = new Uint8Array(size * functions.length);
    const view = new DataView(bytes.buffer);
    functions.forEach((name, index) => {
      const part = [...this.#parts.values()].find(({ extent }) => extent.name === name);
      if (part === undefined) throw new Error(`no code of ${name}`);
      const at = index * size;
      const string = this.#append(NAMES, Buffer.from(`${name}\0`, 'latin1'));
      const link = (field: number, symbol: string, addend: bigint) =>
        this.#relocations.push({
          ...{ section: SECTION.funcs, offset: BigInt(at + field), type: R_X86_64[64] },
          ...{ symbol, addend },
        });
      link(LIVEPATCH_FUNC.name, this.#own('name'), BigInt(string));
      link(LIVEPATCH_FUNC.new_addr, part.symbol, 0n);
      view.setUint32(at + LIVEPATCH_FUNC.new_size, part.bytes.length, true);
      view.setUint32(at + LIVEPATCH_FUNC.old_size, part.bytes.length, true);
      view.setUint8(at + LIVEPATCH_FUNC.version, 2);
    });
    this.#define(this.#own('name'), NAMES, 0, 0, STT.NOTYPE);
    return bytes;
  }
}

function isIn({ extent, bytes }: Part, address: bigint): boolean {
  return address >= extent.address && address < extent.address + BigInt(bytes.length);
}

function targetOf(
  { target, ripTarget, immediate64 }: Instruction,
  kind: 'branch' | 'rip' | 'absolute',
): bigint | null {
  if (kind === 'branch') return target;
  return kind === 'rip' ? ripTarget : immediate64;
}
