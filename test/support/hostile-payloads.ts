import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SECTION } from '../../core/abi/livepatch.js';
import { R_X86_64, SHF, SHT, STT } from '../../core/elf/constants.js';
import { readElf } from '../../core/elf/file.js';
import { modelFromImage } from '../../core/host/image-model.js';
import { type HypervisorImage, readImage } from '../../core/image/index.js';
import type { Model } from '../../core/verify/index.js';
import { withFields } from './bytes.js';
import { buildIdNote, hexBytes, type SymbolSpec } from './elf-builder.js';
import { buildPayload, type FunctionSpec, idBytes, type PayloadSpec } from './payload-builder.js';
import { repositoryRoot } from './repository.js';

/** The demo hypervisor, which these payloads are built for. */
export function demoHypervisor(): { readonly image: HypervisorImage; readonly model: Model } {
  const file = join(repositoryRoot(), 'payloads', 'demo', 'xen-syms-demo');
  const image = readImage(readFileSync(file), file);
  return { image, model: modelFromImage(image, null).model };
}

const PATCHED = 'xen_extra_version';
const RELA_BYTES = 24;
const SYMBOL_BYTES = 24;
const SECTION_HEADER_BYTES = 64;

/** A payload on that hypervisor, of its one function or those of the spec. */
export function hostilePayload(
  { image, model }: ReturnType<typeof demoHypervisor>,
  spec: PayloadSpec,
) {
  const id = buildIdNote(hexBytes(model.buildId ?? ''));
  return buildPayload({
    functions: [functionOf(image)],
    depends: id,
    xenDepends: id,
    ...spec,
  });
}

function functionOf(image: HypervisorImage): FunctionSpec {
  const address = image.symbols?.lookup(PATCHED) ?? 0n;
  const size = image.symbols?.at(address).find((symbol) => symbol.size > 0n)?.size ?? 32n;
  return { name: PATCHED, newAddress: 'new_code', oldSize: Number(size) };
}

/** What made a command slow, or large, when it was found: each below 2 MiB. */
export function hostilePayloads() {
  const demo = demoHypervisor();
  const make = (spec: PayloadSpec) => hostilePayload(demo, spec);
  const one = functionOf(demo.image);
  const many = (count: number) => Array.from({ length: count }, () => one);
  return {
    plain: make({}),
    'functions-5000': make({ functions: many(5000) }),
    'functions-12000': make({ functions: many(12_000), stringsSymbol: 'names' }),
    'function-names-are-tails-of-one': withTails(
      make({ functions: [...many(8000), { ...one, name: 'C'.repeat(400_000) }] }),
      8000,
    ),
    'function-names-not-looked-up-are-tails-of-one': withTails(
      make({
        functions: [
          ...many(4000).map((spec) => ({ ...spec, oldAddress: PATCHED })),
          { ...one, oldAddress: PATCHED, name: 'D'.repeat(1_200_000) },
        ],
        extraSymbols: [{ name: PATCHED, type: STT.FUNC }],
      }),
      4000,
      3,
    ),
    'functions-beside-many-symbols': make({
      functions: many(5000).map((spec) => ({ ...spec, newAddress: 'last' })),
      extraSymbols: [...ownSymbols(20_000), { ...ownSymbol('last'), value: 0n }],
    }),
    'symbol-names-are-tails-of-one': withSymbolNames(
      make({ extraSymbols: [{ name: 'A'.repeat(900_000) }, ...unnamed(30_000)] }),
      (index) => index,
    ),
    'symbols-share-a-long-name': withSymbolNames(
      make({ extraSymbols: [{ name: 'B'.repeat(1_400_000) }, ...unnamed(15_000)] }),
      () => 0,
    ),
    'new-symbols-share-a-long-name': withSymbolNames(
      make({
        extraSymbols: [
          { name: 'B'.repeat(1_400_000), section: '.text' },
          ...unnamed(15_000).map((symbol) => ({ ...symbol, section: '.text' })),
        ],
      }),
      () => 0,
    ),
    'relocations-of-one-table': overlapping(
      make({
        extraSections: [
          { name: '.blob', data: relocationsOfText(20_000), align: 8 },
          ...Array.from({ length: 900 }, (_, index) => ({
            name: `.rela.n${index}`,
            type: SHT.RELA,
            flags: SHF.INFO_LINK,
            entrySize: RELA_BYTES,
            info: '.text',
            link: '.symtab',
          })),
          // A fault of its own, behind all of them.
          {
            name: '.rela.tail',
            type: SHT.RELA,
            entrySize: RELA_BYTES,
            info: '.text',
            link: '.blob',
          },
        ],
      }),
      '.rela.n',
    ),
    'sections-of-one-megabyte': overlapping(
      make({
        extraSections: [
          { name: '.blob', data: new Uint8Array(1_000_000).fill(0x90) },
          ...Array.from({ length: 600 }, (_, index) => ({ name: `.ro${index}`, flags: SHF.ALLOC })),
        ],
      }),
      '.ro',
    ),
    'metadata-of-a-million': make({ modinfo: Buffer.from('a\0'.repeat(900_000)) }),
  } as const;
}

/** Several payloads at once that made a command slow when it was found: each set below 2 MiB. */
export function hostileSets() {
  const demo = demoHypervisor();
  const ids = [0xb1, 0xb2].map((fill) => buildIdNote(idBytes(fill)));
  const [below, above] = ids;
  const symbols = ownSymbols(9000);
  const pair = (upper: PayloadSpec) => [
    hostilePayload(demo, { ...(below && { buildId: below }), extraSymbols: symbols }),
    hostilePayload(demo, {
      ...(above && { buildId: above }),
      ...(below && { depends: below }),
      stringsSymbol: 'names',
      ...upper,
    }),
  ];
  return {
    'chain-of-100': longChain(100, 70),
    'uses-all-of-the-one-below': pair({ extraSymbols: symbols.map(({ name }) => ({ name })) }),
    'patches-all-of-the-one-below': pair({
      functions: symbols.map(({ name }) => ({ name, newAddress: 'new_of_it' })),
    }),
  } as const;
}

/** A payload whose function has an address, and a name pointer that leads nowhere: Xen loads it. */
export function unmappedName(): Uint8Array {
  const demo = demoHypervisor();
  const oldAddress = demo.image.symbols?.lookup(PATCHED) ?? 0n;
  const bytes = hostilePayload(demo, { functions: [{ ...functionOf(demo.image), oldAddress }] });
  const { offset } = sectionNamed(bytes, `.rela${SECTION.funcs}`);
  return withFields(bytes, [{ at: Number(offset) + 16, size: 8, value: 0x7fff_ffffn }]);
}

/** `count` payloads in a chain, each of `functions` functions. */
export function longChain(count: number, functions: number): readonly Uint8Array[] {
  const demo = demoHypervisor();
  const idOf = (index: number) =>
    buildIdNote(
      index < 0 ? hexBytes(demo.model.buildId ?? '') : Uint8Array.of(index, ...idBytes(7)),
    );
  return Array.from({ length: count }, (_, index) =>
    hostilePayload(demo, {
      buildId: idOf(index),
      depends: idOf(index - 1),
      functions: Array.from({ length: functions }, () => ({
        ...functionOf(demo.image),
        newAddress: `new_code_${index}`,
      })),
      stringsSymbol: `names_${index}`,
    }),
  );
}

/** Code that other payloads can name: no function's new code lies there. */
function ownSymbol(name: string): SymbolSpec {
  return { name, section: '.text', value: 24n, size: 8n, type: STT.FUNC };
}

function ownSymbols(count: number): readonly SymbolSpec[] {
  return Array.from({ length: count }, (_, index) => ownSymbol(`s${index}`));
}

function unnamed(count: number): readonly { readonly name: string }[] {
  return Array.from({ length: count }, (_, index) => ({ name: `s${index}` }));
}

function sectionNamed(bytes: Uint8Array, name: string) {
  const section = readElf(bytes).sections.find((candidate) => candidate.name === name);
  if (section === undefined) throw new Error(`no section ${name}`);
  return section;
}

/** The name of each symbol behind the long one becomes a part of that: `tail` says how much is left out. */
function withSymbolNames(bytes: Uint8Array, tail: (index: number) => number): Uint8Array {
  const table = sectionNamed(bytes, '.symtab');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const count = Number(table.size) / SYMBOL_BYTES;
  const nameAt = (index: number) => Number(table.offset) + index * SYMBOL_BYTES;
  const strings = Number(sectionNamed(bytes, '.strtab').offset);
  const isLong = (index: number) => {
    const start = strings + view.getUint32(nameAt(index), true);
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, 2000).indexOf(0) === -1;
  };
  const long = Array.from({ length: count }, (_, index) => index).find(isLong) ?? 0;
  const name = view.getUint32(nameAt(long), true);
  const copy = Uint8Array.from(bytes);
  const changed = new DataView(copy.buffer);
  for (let index = long + 1; index < count; index++) {
    changed.setUint32(nameAt(index), name + tail(index - long), true);
  }
  return copy;
}

/** The names of the first functions become tails of the last one's; each has so many `links`, the name's first. */
function withTails(bytes: Uint8Array, count: number, links = 2): Uint8Array {
  const table = sectionNamed(bytes, `.rela${SECTION.funcs}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const names = Array.from(
    { length: count + 1 },
    (_, index) => Number(table.offset) + index * links * RELA_BYTES,
  );
  const last = view.getBigInt64((names[count] ?? 0) + 16, true);
  const copy = Uint8Array.from(bytes);
  const changed = new DataView(copy.buffer);
  for (const [index, at] of names.slice(0, count).entries()) {
    changed.setBigInt64(at + 16, last + BigInt(index), true);
  }
  return copy;
}

/** Sections whose names begin so get the contents of `.blob`, all the same bytes. */
function overlapping(bytes: Uint8Array, prefix: string): Uint8Array {
  const elf = readElf(bytes);
  const blob = sectionNamed(bytes, '.blob');
  const table = Number(elf.header.sectionHeaderOffset);
  const at = (index: number, field: number) => table + index * SECTION_HEADER_BYTES + field;
  return withFields(
    bytes,
    elf.sections
      .filter(({ name }) => name.startsWith(prefix))
      .flatMap(({ index }) => [
        { at: at(index, 24), size: 8, value: blob.offset } as const,
        { at: at(index, 32), size: 8, value: blob.size } as const,
      ]),
  );
}

function relocationsOfText(count: number): Uint8Array {
  const bytes = new Uint8Array(count * RELA_BYTES);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < count; index++) {
    const at = index * RELA_BYTES;
    view.setUint32(at + 8, R_X86_64.PC32, true);
    view.setUint32(at + 12, 1, true);
    view.setBigInt64(at + 16, -4n, true);
  }
  return bytes;
}
