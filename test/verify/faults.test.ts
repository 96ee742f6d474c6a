import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errnoName } from '../../core/abi/errno.js';
import { SHF } from '../../core/elf/constants.js';
import { apply, KNOWN_MINORS, replace, rulesFor, upload } from '../../core/verify/index.js';
import { MAX_FAULTS_OF_A_STAGE } from '../../core/verify/loading.js';
import { NEEDS } from '../../core/verify/stage-order.js';
import type { Fault } from '../../core/verify/verdict.js';
import { withFields } from '../support/bytes.js';
import { idBytes, type PayloadSpec } from '../support/payload-builder.js';
import {
  NOWHERE,
  note,
  plainFunction,
  sectionOf,
  tinyModel,
  tinyPayload,
  withSection,
} from '../support/tiny-model.js';

const RELEASES = ['4.14.0', '4.14.6', '4.17.2', '4.17.7', '4.18.4', '4.20.4', '4.22.0'] as const;

function inWords({ outcome, log }: Fault): string {
  if (outcome.outcome === 'fatal') return `fatal ${outcome.stage}: ${outcome.cause}`;
  const line = log.at(-1);
  return `${outcome.stage} ${errnoName(outcome.errno)}${line ? `: ${line.text}` : ''}`;
}

function faultsOf(release: string, bytes: Uint8Array): readonly string[] {
  return upload(tinyModel(release), 'p', bytes).verdict.faults.map(inWords);
}

const good = tinyPayload();
const section = (name: string, bytes: number): PayloadSpec => ({
  extraSections: [{ name, flags: SHF.ALLOC, data: new Uint8Array(bytes) }],
});

/** Faults of which none has to do with another, in the order in which all releases look for them. */
const INDEPENDENT: readonly (readonly [what: string, spec: PayloadSpec])[] = [
  ['an unknown import', { extraSymbols: [{ name: 'nowhere_fn' }] }],
  ['no .livepatch.depends', { depends: null }],
  ['half a hook pointer', section('.livepatch.hooks.unload', 4)],
  ['an odd bug frame', section('.bug_frames.1', 9)],
  ['an odd exception table', section('.ex_table', 9)],
  ['metadata without NUL', { modinfo: Buffer.from('a=b') }],
];

function withAll(specs: readonly PayloadSpec[]): Uint8Array {
  const sections = specs.flatMap(({ extraSections }) => extraSections ?? []);
  return tinyPayload(Object.assign({}, ...specs, { extraSections: sections }));
}

describe('faults that have nothing to do with each other', () => {
  for (const release of RELEASES) {
    it(`are all reported, as each by itself, the first being the verdict (${release})`, () => {
      const alone = INDEPENDENT.map(([what, spec]) => {
        const faults = faultsOf(release, withAll([spec]));
        assert.equal(faults.length, 1, `${what}: ${faults.join('; ')}`);
        return faults[0];
      });
      assert.equal(new Set(alone).size, INDEPENDENT.length);
      for (let mask = 1; mask < 1 << INDEPENDENT.length; mask++) {
        const isIn = (_: unknown, i: number) => (mask & (1 << i)) !== 0;
        const bytes = withAll(INDEPENDENT.filter(isIn).map(([, spec]) => spec));
        assert.deepEqual(faultsOf(release, bytes), alone.filter(isIn));
      }
    });
  }

  it('leave the verdict as it is for Xen', () => {
    const bytes = withAll(INDEPENDENT.slice(0, 3).map(([, spec]) => spec));
    const model = tinyModel('4.17.7');
    const { verdict, model: after } = upload(model, 'p', bytes);
    assert.equal(after, model);
    assert.deepEqual(verdict.outcome, { outcome: 'refused', stage: 'symbol-resolution', errno: 2 });
    assert.deepEqual(verdict.log, [{ level: 'error', text: 'p: Unknown symbol: nowhere_fn' }]);
    assert.equal(verdict.faults.length, 3);
  });

  it('are reported behind a fatal one too, and a fatal one behind a refusal', () => {
    const bytes = withSection(
      tinyPayload({ modinfo: new Uint8Array(0), ...section('.bug_frames.0', 7) }),
      '.rela.livepatch.funcs',
      { info: 0n },
    );
    const faults = faultsOf('4.17.7', bytes);
    assert.equal(faults.length, 3);
    assert.match(faults[0] ?? '', /^fatal relocation: read of unmapped/);
    assert.match(faults[1] ?? '', /^bug-frames EINVAL/);
    assert.match(faults[2] ?? '', /^fatal metadata: read of unmapped/);
  });

  it('of another hypervisor come with what else is wrong, wherever the ids are compared', () => {
    const bytes = tinyPayload({
      xenDepends: note(idBytes(0x44)),
      modinfo: Buffer.from('a=b'),
    });
    const stages = RELEASES.map((release) =>
      upload(tinyModel(release), 'p', bytes).verdict.faults.map(({ outcome }) => outcome.stage),
    );
    const late = ['metadata', 'xen-build-id'];
    const early = ['xen-build-id', 'metadata'];
    assert.deepEqual(stages, [late, late, late, late, early, early, early]);
  });
});

describe('a fault that only follows from the first is not reported', () => {
  const cases: readonly (readonly [what: string, bytes: Uint8Array, only: string])[] = [
    [
      'functions whose addresses an unknown symbol was to fill',
      tinyPayload({
        functions: [plainFunction({ oldAddress: 'nowhere_fn' })],
        extraSymbols: [{ name: 'nowhere_fn' }],
      }),
      'symbol-resolution ENOENT: p: Unknown symbol: nowhere_fn',
    ],
    [
      'a hook that is empty has the wrong size as well',
      tinyPayload(section('.livepatch.hooks.apply', 0)),
      'patching-sections EINVAL: p: .livepatch.hooks.apply is empty',
    ],
    [
      'a note that is empty does not parse',
      tinyPayload({ buildId: new Uint8Array(0) }),
      'special-sections EINVAL: p: .note.gnu.build-id is empty',
    ],
    [
      'sections without names are not found',
      withFields(good, [{ at: sectionOf(good, '.shstrtab').offset, size: 1, value: 1n }]),
      'section-names EINVAL: p: Section string table is corrupted',
    ],
    [
      'entries of another version are not read as what they are not',
      tinyPayload({
        functions: [
          plainFunction({ version: 9 }),
          plainFunction({ version: 9, oldSize: 0, oldAddress: NOWHERE }),
        ],
      }),
      'functions EOPNOTSUPP: p: Wrong version (9). Expected 2',
    ],
    [
      'no symbol is new where the new functions are not known',
      tinyPayload({ functions: [plainFunction({ newAddress: 'plain_fn', oldSize: 4 })] }),
      'functions EINVAL',
    ],
  ];
  for (const [what, bytes, only] of cases) {
    it(what, () => assert.deepEqual(faultsOf('4.17.7', bytes), [only]));
  }

  it('the symbols of a payload that is loaded under another name', () => {
    const { model } = upload(tinyModel('4.17.7'), 'p', good);
    const { faults } = upload(model, 'q', good).verdict;
    assert.deepEqual(
      faults.map((fault) => [inWords(fault), fault.where.actual]),
      [['own-build-id EEXIST', 'the build-id of "p", which is loaded']],
    );
  });
});

describe('several faults of one stage', () => {
  it('unknown symbols, functions with wrong sizes, duplicate symbols', () => {
    const imports = ['nowhere_1', 'nowhere_2'].map((name) => ({ name }));
    assert.deepEqual(faultsOf('4.20.4', tinyPayload({ extraSymbols: imports })), [
      'symbol-resolution ENOENT: p: Unknown symbol: nowhere_1',
      'symbol-resolution ENOENT: p: Unknown symbol: nowhere_2',
    ]);
    const functions = [
      plainFunction({ oldSize: 4 }),
      plainFunction({ name: 'other_fn' }),
      plainFunction({ name: 'nowhere_fn' }),
      plainFunction({ name: 'endbr_fn', oldSize: 8 }),
    ];
    const { faults } = upload(tinyModel('4.20.4'), 'p', tinyPayload({ functions })).verdict;
    assert.deepEqual(
      faults.map(({ where }) => [where.symbol, where.offset, where.expected, where.actual]),
      [
        ['plain_fn', 0n, 'old_size of at least 5', 'old_size 4'],
        ['nowhere_fn', 208n, undefined, undefined],
        ['endbr_fn', 312n, 'old_size of at least 9', 'old_size 8'],
      ],
    );
    const extraSymbols = ['other_fn', 'endbr_fn'].map((name, i) => ({
      name,
      section: '.text',
      value: BigInt(i + 3),
    }));
    assert.deepEqual(faultsOf('4.20.4', tinyPayload({ extraSymbols })), [
      'new-symbols EEXIST: p: duplicate new symbol: other_fn',
      'new-symbols EEXIST: p: duplicate new symbol: endbr_fn',
    ]);
  });

  it('relocations, each with its place', () => {
    const bytes = tinyPayload({
      extraRelocations: [
        { section: '.text', offset: 1000n, type: 1, symbol: 'strings' },
        { section: '.text', offset: 0n, type: 77, symbol: 'strings' },
      ],
    });
    const { faults } = upload(tinyModel('4.17.7'), 'p', bytes).verdict;
    assert.deepEqual(
      faults.map((fault) => [inWords(fault), fault.where]),
      [
        [
          'relocation EINVAL: p: Relative relocation offset is past .text section',
          { section: '.rela.text', offset: 0n, symbol: 'strings' },
        ],
        [
          'relocation EOPNOTSUPP: p: Unhandled relocation 77',
          { section: '.rela.text', offset: 24n, symbol: 'strings' },
        ],
      ],
    );
  });

  it('are bounded, and leave room for those of other stages', () => {
    const extraSymbols = Array.from({ length: 300 }, (_, i) => ({
      name: `nowhere_${i}`,
    }));
    const bytes = tinyPayload({ extraSymbols, ...section('.bug_frames.0', 7) });
    const { faults } = upload(tinyModel('4.17.7'), 'p', bytes).verdict;
    assert.equal(faults.length, MAX_FAULTS_OF_A_STAGE + 1);
    assert.equal(faults.at(-1)?.outcome.stage, 'bug-frames');
  });
});

describe('where a fault is', () => {
  it('is said of an expectation too, with both bytes', () => {
    const expect = Uint8Array.of(1 | (1 << 1), 0x90);
    const bytes = tinyPayload({ functions: [plainFunction({ expect })] });
    const { model } = upload(tinyModel('4.17.7'), 'p', bytes);
    for (const { verdict } of [apply(model, 'p', { nodeps: false }), replace(model, 'p')]) {
      assert.deepEqual(
        verdict.faults.map(({ outcome, where }) => [outcome, where]),
        [[verdict.outcome, { symbol: 'plain_fn', expected: '90', actual: '55' }]],
      );
    }
  });

  it('is left out where reading a name would kill a Xen that does not read it', () => {
    // .shstrtab ends, around 2^64, at a NUL in the ELF header: any name is inside it.
    const { offset } = sectionOf(good, '.shstrtab');
    const names = withSection(good, '.shstrtab', { size: (1n << 64n) - BigInt(offset) + 16n });
    const headerAt = sectionOf(good, '.text').headerAt;
    const bytes = withFields(names, [
      { at: headerAt, size: 4, value: 0x7fffffffn },
      { at: headerAt + 8, size: 8, value: SHF.ALLOC | SHF.WRITE | SHF.EXECINSTR },
    ]);
    const [first] = upload(tinyModel('4.17.7'), 'p', bytes).verdict.faults;
    assert.deepEqual(first?.outcome, { outcome: 'refused', stage: 'placement', errno: 95 });
    assert.deepEqual(first?.where, { actual: 'both writable and executable' });
  });
});

describe('what a stage needs', () => {
  it('runs before it in every release that has both', () => {
    for (let minor = KNOWN_MINORS.first; minor <= KNOWN_MINORS.last; minor++) {
      const { stages } = rulesFor({ major: 4, minor, patch: null });
      for (const [at, stage] of stages.entries()) {
        for (const needed of NEEDS[stage]) {
          assert.ok(stages.indexOf(needed) < at, `${stage} needs ${needed} in 4.${minor}`);
        }
      }
    }
  });
});
