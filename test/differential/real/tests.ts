import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Machine } from '../../../rig/machine.js';
import type { RigRelease } from '../../../rig/releases.js';
import { describe, type Said, type SequenceSaid } from '../compare.js';
import { type DifferentialOptions, runDifferential, runSequences } from './run.js';
import type { Subject } from './subject.js';

/** How much of a seed is compared. */
export interface Extent {
  readonly seed: number;
  readonly variants: number;
  /** Variants of alternatives, exception tables and bug frames. */
  readonly tables: number;
  readonly sequences: number;
}

/** What the real Xen said to each variant and each sequence, by index. */
export interface SaidByXen {
  readonly variants: readonly Said[];
  readonly sequences: readonly SequenceSaid[];
}

/** What is compared unless asked otherwise. */
export const EXTENTS: Readonly<Record<RigRelease['xen'], Omit<Extent, 'seed'>>> = {
  '4.14': { variants: 300, tables: 200, sequences: 60 },
  '4.17': { variants: 1000, tables: 300, sequences: 200 },
  '4.20': { variants: 1000, tables: 300, sequences: 200 },
};

/** Disagreements after which variants are no longer tried: they are for reading. */
const MOST_DISAGREEMENTS = 20;

type VariantsAsked = Pick<DifferentialOptions, 'of' | 'variants' | 'onSaid'>;

/** Asks a real Xen and the model the same, as subtests. Gives what the real one said. */
export async function testDifferential(
  parent: TestContext,
  subject: Subject,
  { seed, variants, tables, sequences }: Extent,
): Promise<SaidByXen> {
  const { xen } = subject.hypervisor.release;
  const command = `npm run test:differential -- --releases ${xen} --variants ${variants} --tables ${tables} --sequences ${sequences} --seed ${seed}`;
  const agreeing = (disagreements: readonly string[]): void => {
    assert.equal(disagreements.length, 0, `${disagreements.join('\n')}\nAgain: ${command}`);
  };
  const said: { readonly variants: Said[]; readonly sequences: SequenceSaid[] } = {
    variants: [],
    sequences: [],
  };
  const machine = await Machine.start(subject.request);
  try {
    await parent.test(`differential: ${sequences} sequences of actions`, async (test) => {
      const report = await runSequences(machine, subject, {
        seed,
        sequences,
        onSaid: (index, answers) => {
          said.sequences[index] = answers;
        },
      });
      test.diagnostic(
        `seed ${seed}: ${report.operations} operations, ${secondsOf(report.elapsedMs)}`,
      );
      agreeing(report.disagreements);
    });
    await machine.reset();
    const compare = async (test: TestContext, options: VariantsAsked): Promise<void> => {
      const most = { mostDisagreements: MOST_DISAGREEMENTS };
      const report = await runDifferential(machine, subject, { seed, ...most, ...options });
      const { accepted, refused, fatal, elapsedMs } = report;
      test.diagnostic(
        `seed ${seed}: ${accepted} accepted, ${refused} refused, ${fatal} fatal, ${secondsOf(elapsedMs)}`,
      );
      agreeing(report.disagreements.map(describe));
      assert.equal(report.variants, options.variants);
    };
    await parent.test(`differential: ${variants} variants of payloads`, (test) =>
      compare(test, {
        of: 'variants',
        variants,
        onSaid: (index, answer) => {
          said.variants[index] = answer;
        },
      }),
    );
    await machine.reset();
    await parent.test(
      `differential: ${tables} variants of alternatives, exception tables and bug frames`,
      (test) => compare(test, { of: 'tables', variants: tables }),
    );
  } finally {
    await machine.stop();
  }
  return said;
}

function secondsOf(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
