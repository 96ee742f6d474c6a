import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SHT } from '../../core/elf/constants.js';
import { sectionBytes, segmentBytes } from '../../core/elf/contents.js';
import { readElf } from '../../core/elf/file.js';
import { readNotes } from '../../core/elf/notes.js';
import { readRelocationTable } from '../../core/elf/relocations.js';
import { readSymbols, readSymbolTable } from '../../core/elf/symbols.js';
import { XspliceError } from '../../core/findings/index.js';
import { modelFromImage } from '../../core/host/image-model.js';
import { readImage } from '../../core/image/image.js';
import { readMemory } from '../../core/image/memory.js';
import { readXensyms } from '../../core/image/xensyms.js';
import { readPayload } from '../../core/payload/index.js';
import { planPayloadOf } from '../../core/payload/plan-payload.js';
import { apply, type Model, replace, upload } from '../../core/verify/index.js';
import { cpuMs } from '../support/cpu-time.js';
import { buildElf, buildIdNote, buildNote, hexBytes } from '../support/elf-builder.js';
import { committedFixtures, type Fixture, payloadLikeElf } from '../support/fixtures.js';
import { efiImage, elf32Image, gzImage, loadedBytes } from '../support/image-builder.js';
import { createPrng, type Prng } from '../support/prng.js';
import { repositoryRoot } from '../support/repository.js';

/** A reader and all that can be asked of its result. It may only throw XspliceErrors. */
export interface FuzzTarget {
  readonly name: string;
  readonly run: (bytes: Uint8Array) => void;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly runs: number;
  /** Default: every target below. */
  readonly targets?: readonly FuzzTarget[];
}

export interface FuzzReport {
  readonly runs: number;
  /** Inputs that a target read to the end, and inputs that it refused, over all targets. */
  readonly accepted: number;
  readonly refused: number;
  readonly longest: { readonly ms: number; readonly input: string };
  /** Errors of another kind than XspliceError, with what makes them again. */
  readonly crashes: readonly {
    readonly input: string;
    readonly target: string;
    readonly error: unknown;
  }[];
}

const elfTarget: FuzzTarget = {
  name: 'elf',
  run: (bytes) => {
    const elf = readElf(bytes);
    const actions: (() => unknown)[] = [
      () => readSymbols(elf),
      ...elf.sections.flatMap((section) => [
        () => sectionBytes(elf, section),
        ...(section.type === SHT.SYMTAB || section.type === SHT.DYNSYM
          ? [() => readSymbolTable(elf, section)]
          : []),
        ...(section.type === SHT.RELA || section.type === SHT.REL
          ? [() => readRelocationTable(elf, section)]
          : []),
        ...(section.type === SHT.NOTE
          ? [() => [...readNotes(sectionBytes(elf, section), section.name)]]
          : []),
      ]),
      ...elf.segments.map((segment) => () => segmentBytes(elf, segment)),
    ];
    let refusal: unknown = null;
    for (const action of actions) {
      try {
        action();
      } catch (error) {
        if (!(error instanceof XspliceError)) throw error;
        refusal = error;
      }
    }
    if (refusal !== null) throw refusal;
  },
};

const notesTarget: FuzzTarget = {
  name: 'notes',
  run: (bytes) => {
    for (const note of readNotes(bytes, 'the input')) note.desc.at(0);
  },
};

const imageTarget: FuzzTarget = {
  name: 'image',
  run: (bytes) => {
    const image = readImage(bytes, 'the input');
    for (const range of image.memory) readMemory(image.memory, range.address, 8);
    for (const { name, address } of image.symbols?.entries.slice(0, 50) ?? []) {
      image.symbols?.lookup(name);
      image.symbols?.at(address);
      image.symbols?.ownerOf(address + 1n);
    }
  },
};

const xensymsTarget: FuzzTarget = {
  name: 'xensyms',
  run: (bytes) => {
    readXensyms(Buffer.from(bytes).toString('latin1'));
  },
};

const payloadTarget: FuzzTarget = {
  name: 'payload',
  run: (bytes) => {
    planPayloadOf(readPayload(bytes, 'the input'), '');
  },
};

/** Xen's rules give a verdict on any bytes: nothing is thrown, whatever they are. */
const verdictTarget: FuzzTarget = {
  name: 'verdict',
  run: (bytes) => {
    demoModel ??= modelFromImage(readImage(readFileSync(DEMO_IMAGE), 'demo'), null).model;
    const { verdict, model } = upload(demoModel, 'input', bytes);
    if (verdict.outcome.outcome !== 'accepted') {
      throw new XspliceError('refused', `${verdict.outcome.outcome} at ${verdict.outcome.stage}`);
    }
    apply(model, 'input', { nodeps: true });
    replace(model, 'input');
  },
};

const DEMO_IMAGE = join(repositoryRoot(), 'payloads', 'demo', 'xen-syms-demo');
let demoModel: Model | undefined;

/** Readers of bytes that nobody vouches for. Add a reader here and it is fuzzed. */
export const fuzzTargets: readonly FuzzTarget[] = [
  elfTarget,
  notesTarget,
  imageTarget,
  xensymsTarget,
  payloadTarget,
  verdictTarget,
];

/** Larger seeds would spend the time on copying. */
const MAX_SEED_SIZE = 64 * 1024;

function seeds(): readonly [Fixture, ...Fixture[]] {
  const loaded = loadedBytes(hexBytes('151b373fd64b321593bf987fd923cd10dabadac4'));
  return [
    { name: 'payload-like', bytes: payloadLikeElf() },
    { name: 'empty elf', bytes: buildElf({ sections: [] }) },
    { name: 'elf32 image', bytes: elf32Image(loaded, 36) },
    { name: 'gz image', bytes: gzImage(loaded, 36) },
    { name: 'efi image', bytes: efiImage(loaded, hexBytes('c62e97bfb7156a842127d5c9d7bbced1')) },
    {
      name: 'notes',
      bytes: Buffer.concat([
        buildNote('Xen', 18, hexBytes('0102')),
        buildIdNote(hexBytes('a5'.repeat(20))),
      ]),
    },
    {
      name: 'xensyms',
      bytes: Buffer.from('ffff82d040200000 T _start\nffff82d040200010 t a.c#f\n'),
    },
    ...committedFixtures().filter(({ bytes }) => bytes.length <= MAX_SEED_SIZE),
  ];
}

/** Values at which sums wrap, counts explode and signs turn. */
const EDGES: readonly [bigint, ...bigint[]] = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_fff0n,
  0xffff_ffff_ffff_ffffn,
];

/** Feeds each target the same mutated seeds. The same seed and number of runs do the same again. */
export function fuzzReaders({ seed, runs, targets = fuzzTargets }: FuzzOptions): FuzzReport {
  const originals = seeds();
  const crashes: { input: string; target: string; error: unknown }[] = [];
  let accepted = 0;
  let refused = 0;
  let longest = { ms: 0, input: '' };
  for (let run = 0; run < runs; run++) {
    // One generator a run, so that a single run can be made again from its number.
    const prng = createPrng((Math.imul(seed, 1_000_003) + run) >>> 0);
    const original = prng.pick(originals);
    const bytes = prng.below(20) === 0 ? prng.bytes(prng.below(512)) : mutate(original.bytes, prng);
    const input = `seed ${seed}, run ${run} (${original.name})`;
    for (const { name, run: read } of targets) {
      const start = cpuMs();
      try {
        read(bytes);
        accepted++;
      } catch (error) {
        if (error instanceof XspliceError) refused++;
        else crashes.push({ input, target: name, error });
      }
      const ms = cpuMs() - start;
      if (ms > longest.ms) longest = { ms, input: `${input}, ${name}` };
    }
  }
  return { runs, accepted, refused, longest, crashes };
}

function mutate(original: Uint8Array, prng: Prng): Uint8Array {
  const cut = prng.below(8) === 0 ? prng.below(original.length + 1) : original.length;
  const bytes = Uint8Array.from(original.subarray(0, cut));
  if (bytes.length < 8) return bytes;
  const view = new DataView(bytes.buffer);
  for (let left = 1 + prng.below(1 + prng.below(4)); left > 0; left--) {
    // Headers sit at both ends of an ELF file: half of the changes go there, few to the file header.
    const at = aim(bytes.length - 8, prng);
    const edge = prng.pick(EDGES) + BigInt(prng.below(3));
    switch (prng.below(5)) {
      case 0:
        view.setUint8(at, prng.below(256));
        break;
      case 1:
        view.setUint16(at, Number(edge & 0xffffn), true);
        break;
      case 2:
        view.setUint32(at, Number(edge & 0xffff_ffffn), true);
        break;
      case 3:
        view.setBigUint64(at, BigInt.asUintN(64, edge), true);
        break;
      default:
        view.setUint32(at, prng.below(bytes.length * 2), true);
    }
  }
  return bytes;
}

function aim(limit: number, prng: Prng): number {
  const at = (() => {
    switch (prng.below(8)) {
      case 0:
        return prng.below(Math.min(limit, 64) + 1);
      case 1:
      case 2:
      case 3:
        return limit - prng.below(Math.min(limit, 1024) + 1);
      default:
        return prng.below(limit + 1);
    }
  })();
  // Most fields are aligned.
  return prng.below(4) === 0 ? at : at & ~3;
}
