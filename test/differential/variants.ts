import { type ElfFile, readElf } from '../../core/elf/index.js';
import { createPrng } from '../support/prng.js';
import { type Field, fieldsOf } from './fields.js';
import { mutateField, mutateSections } from './mutate.js';

/** A good payload that variants are made of. */
export interface Base {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly elf: ElfFile;
  readonly fields: readonly Field[];
}

/** A payload with one to three changes. The same seed and index always give the same one. */
export interface Variant {
  readonly index: number;
  readonly base: string;
  /** What was changed, in words. */
  readonly changes: readonly string[];
  readonly bytes: Uint8Array;
  /** The base itself is loaded first, so that names, ids and symbols can collide. */
  readonly onTopOfBase: boolean;
}

/** Share of variants whose section table is changed as a whole, and that are uploaded beside their base. */
const STRUCTURAL = 0.12;
const BESIDE_BASE = 0.1;
/** Fields outside the headers' tables are rarer than those: they get this share of the changes. */
const CONTENT = 0.35;

export function baseOf(name: string, bytes: Uint8Array): Base {
  const elf = readElf(bytes);
  return { name, bytes, elf, fields: fieldsOf(elf) };
}

/** Variant number `index` of a seed. */
export function variantOf(bases: readonly [Base, ...Base[]], seed: number, index: number): Variant {
  const prng = createPrng((Math.imul(seed, 0x9e3779b1) ^ index) >>> 0);
  const base = prng.pick(bases);
  let bytes = new Uint8Array(base.bytes);
  const changes: string[] = [];
  const onTopOfBase = prng.below(1000) < BESIDE_BASE * 1000;
  const count = 1 + prng.below(3);
  for (let i = 0; i < count; i++) {
    if (prng.below(1000) < STRUCTURAL * 1000) {
      const [changed, what] = mutateSections(bytes, base.elf, prng);
      bytes = new Uint8Array(changed);
      changes.push(what);
    } else {
      changes.push(mutateField(bytes, base.elf, pickField(base, prng), prng));
    }
  }
  return { index, base: base.name, changes, bytes, onTopOfBase };
}

function pickField(base: Base, prng: ReturnType<typeof createPrng>): Field {
  const isContent = ({ label }: Field) =>
    !label.startsWith('header') && !label.startsWith('section');
  const wanted = prng.below(1000) < CONTENT * 1000;
  const pool = base.fields.filter((field) => isContent(field) === wanted);
  const [first, ...rest] = pool;
  if (!first) throw new Error(`payload ${base.name} has no fields`);
  return prng.pick([first, ...rest]);
}
