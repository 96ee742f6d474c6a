import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHF } from '../../../core/elf/constants.js';
import { upload } from '../../../core/verify/index.js';
import { hexBytes } from '../../support/elf-builder.js';
import {
  plainFunction,
  sectionOf,
  tinyModel,
  tinyPayload,
  verdictLine,
  withContents,
  withSection,
} from '../../support/tiny-model.js';

/** Releases with different rules. 4.12 has other payloads and no log lines: tested apart. */
export const RELEASES = [
  '4.14.0',
  '4.14.6',
  '4.17.2',
  '4.17.7',
  '4.18.4',
  '4.20.4',
  '4.22.0',
] as const;
export type Release = (typeof RELEASES)[number];

export interface Case {
  readonly title: string;
  readonly bytes: Uint8Array;
  /** What all releases answer but those in `but`. */
  readonly answer: string;
  readonly but?: Partial<Record<Release, string>>;
}

export const good = tinyPayload();
export const ALLOC_EXEC = SHF.ALLOC | SHF.EXECINSTR;
export const absolute = (override: Parameters<typeof plainFunction>[0]) =>
  tinyPayload({ functions: [plainFunction(override)] });
export const section = (name: string, data: Uint8Array, flags: bigint = SHF.ALLOC) =>
  tinyPayload({ extraSections: [{ name, flags, data }] });
export const without = (name: string, flag: bigint = SHF.ALLOC) => {
  const view = new DataView(good.buffer, good.byteOffset, good.byteLength);
  const flags = view.getBigUint64(sectionOf(good, name).headerAt + 8, true);
  return withSection(good, name, { flags: flags & ~flag });
};
export const relocation = (change: { at: number; size: 4 | 8; value: bigint }) =>
  withContents(good, '.rela.livepatch.funcs', change.at, change.size, change.value);
export const symbolOf = (
  file: Uint8Array,
  index: number,
  at: number,
  size: 2 | 4 | 8,
  value: bigint,
) => withContents(file, '.symtab', index * 24 + at, size, value);

/** An entry of .altinstructions whose pointers are relocated to the new code and the replacement. */
export function alternatives(
  entry: { feature?: number; original?: number; replacement?: number; padding?: number },
  options: { origin?: string; withReplacement?: boolean; repl?: string } = {},
): Uint8Array {
  const data = new Uint8Array(14);
  const view = new DataView(data.buffer);
  view.setUint16(8, entry.feature ?? 0, true);
  view.setUint8(10, entry.original ?? 5);
  view.setUint8(11, entry.replacement ?? 5);
  view.setUint8(12, entry.padding ?? 0);
  const type = 2;
  return tinyPayload({
    extraSections: [
      { name: '.altinstructions', flags: SHF.ALLOC, data },
      ...(options.withReplacement === false
        ? []
        : [{ name: '.altinstr_replacement', flags: ALLOC_EXEC, data: new Uint8Array(16) }]),
    ],
    extraSymbols:
      options.withReplacement === false
        ? []
        : [{ name: '.Lrepl', section: '.altinstr_replacement', binding: 0 }],
    extraRelocations: [
      { section: '.altinstructions', offset: 0n, type, symbol: options.origin ?? 'new_code' },
      ...(options.withReplacement === false
        ? []
        : [{ section: '.altinstructions', offset: 4n, type, symbol: options.repl ?? '.Lrepl' }]),
    ],
  });
}

export function altCall(code: string, symbol = 'call_site'): Uint8Array {
  const data = hexBytes(code);
  return tinyPayload({
    extraSections: [
      { name: '.text.call', flags: ALLOC_EXEC, data },
      { name: '.alt_call_sites', flags: SHF.ALLOC, data: new Uint8Array(4) },
    ],
    extraSymbols: [{ name: 'call_site', section: '.text.call', binding: 0 }, { name: 'some_data' }],
    extraRelocations: [
      { section: '.alt_call_sites', offset: 0n, type: 2, symbol },
      { section: '.text.call', offset: 2n, type: 2, symbol: 'some_data', addend: -4n },
    ],
  });
}

/** One answer for several releases. */
export function inRelease(
  releases: readonly Release[],
  answer: string,
): Partial<Record<Release, string>> {
  return Object.fromEntries(releases.map((release) => [release, answer]));
}

/** Each case against each release: the answer is compared, and a refusal leaves the model as it was. */
export function testStage(stage: string, cases: readonly Case[]): void {
  describe(`upload: ${stage}`, () => {
    for (const { title, bytes, answer, but } of cases) {
      it(title, () => {
        const answers = RELEASES.map((release) => {
          const model = tinyModel(release);
          const result = upload(model, 'p', bytes);
          if (result.verdict.outcome.outcome !== 'accepted') assert.equal(result.model, model);
          return [release, verdictLine(result)];
        });
        const expected = RELEASES.map((release) => [release, but?.[release] ?? answer]);
        assert.deepEqual(answers, expected);
      });
    }
  });
}
