/**
 * Runs the differential test alone, as long as asked, and records what the real Xen said:
 *
 *   node dist/test/xen/differential/main.js --xen 4.17 --variants 20000 --sequences 1000 --seed S
 *   node dist/test/xen/differential/main.js --xen 4.17 --variants 400 --sequences 60 --golden FILE
 *
 * The second form makes the goldens of test/golden anew; they name the package that was asked.
 */
import { randomInt } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Manifest } from '../../../payloads/builder/manifest.js';
import { describe, type Said, type SequenceSaid } from '../../differential/compare.js';
import { encodeGolden, factsOf, type Golden } from '../../differential/golden.js';
import { prepareHypervisor } from '../hypervisor.js';
import { prepareDom0 } from '../initramfs.js';
import { Machine } from '../machine.js';
import { requirePrograms } from '../packages.js';
import { RIG_RELEASES } from '../releases.js';
import { runDifferential, runSequences } from './run.js';
import { prepareSubject, type Subject } from './subject.js';

function encode(contents: Iterable<readonly [string, Uint8Array]>): Record<string, string> {
  return Object.fromEntries(
    [...contents].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
  );
}

/** Everything that was said, with the facts that are needed to predict it. */
function goldenOf(
  { hypervisor, model, image, version, symbols, family, bases, payloads }: Subject,
  said: Pick<Golden, 'seed' | 'variants' | 'sequences'>,
): Golden {
  const manifest = JSON.parse(readFileSync(join(family, 'manifest.json'), 'utf8')) as Manifest;
  const functions = [...new Set(manifest.payloads.flatMap(({ replaces }) => replaces))];
  return {
    from: `${hypervisor.release.hypervisor} ${hypervisor.version}`,
    version,
    buildId: model.buildId ?? '',
    symbols,
    ...factsOf(model, image, functions),
    ...said,
    bases: encode(bases.map(({ name, bytes }) => [name, bytes] as const)),
    family: encode(payloads),
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      xen: { type: 'string', default: '4.17' },
      variants: { type: 'string', default: '1000' },
      sequences: { type: 'string', default: '0' },
      seed: { type: 'string' },
      /** Disagreements after which it stops. */
      most: { type: 'string', default: '50' },
      /** A file for what was said about each variant, one JSON document a line. */
      record: { type: 'string' },
      golden: { type: 'string' },
    },
  });
  const { record, golden } = values;
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  const release = RIG_RELEASES.find(({ xen }) => xen === values.xen);
  if (!release) throw new Error(`--xen ${RIG_RELEASES.map(({ xen }) => xen).join('|')}`);
  requirePrograms();

  const subject = await prepareSubject(await prepareHypervisor(release), await prepareDom0());
  const variants: Said[] = [];
  const sequences: SequenceSaid[] = [];
  const machine = await Machine.start(subject.request);
  try {
    const inSequence = await runSequences(machine, subject, {
      seed,
      sequences: Number(values.sequences),
      onSaid: (index, said) => {
        sequences[index] = said;
      },
    });
    for (const text of inSequence.disagreements) console.log(text);
    await machine.reset();
    const apart = await runDifferential(machine, subject, {
      seed,
      variants: Number(values.variants),
      mostDisagreements: Number(values.most),
      onSaid: (index, said) => {
        variants[index] = said;
        if (record) appendFileSync(record, `${JSON.stringify({ i: index, ...said })}\n`);
      },
      onReset: (reason, indices) => {
        if (indices.length > 1) console.error(`Xen died among ${indices.join(' ')}: ${reason}`);
      },
      onProgress: (done, total) => console.error(`${done}/${total}`),
    });
    for (const disagreement of apart.disagreements) console.log(describe(disagreement));
    for (const report of [inSequence, apart]) {
      const disagreements = report.disagreements.length;
      console.log(JSON.stringify({ xen: release.xen, seed, ...report, disagreements }));
      if (disagreements > 0) process.exitCode = 1;
    }
  } finally {
    await machine.stop();
  }
  if (golden) {
    writeFileSync(golden, encodeGolden(goldenOf(subject, { seed, variants, sequences })));
  }
}

await main();
