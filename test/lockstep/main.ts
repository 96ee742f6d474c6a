/**
 * Foretells what real programs do with real modules of other releases, asks them, and compares. Needs root, gcc and a Debian
 * mirror.
 *
 *     npm run test:lockstep [-- --seed N]            some pairs of every kind, on two releases
 *     npm run test:lockstep -- --all [--share I/N]   all pairs of all releases, or every Nth
 *
 * With `--suites a,b` on these releases, with `--kind qemu` (or linked, nbdkit, made) of this kind; with `--keep FILE` what was
 * asked is kept, a line of JSON each; with `--goldens` the goldens of `npm test` of all groups that were asked are written anew.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RigUnavailable } from '../../rig/run.js';
import { createPrng } from '../support/prng.js';
import { compile } from './chroot.js';
import { writeGoldens } from './goldens.js';
import { familyPairs, strangerPairs } from './linked.js';
import { madePairs } from './made.js';
import { nbdkitPairs } from './nbdkit.js';
import { type Asked, askAll, type Planned } from './pair.js';
import { qemuPairs } from './qemu.js';
import { STAGE } from './stage.js';
import { openOlderQemu, openSuites, SUITES, type Suite } from './suites.js';
import { outlivedUpgrade } from './upgrade.js';

const { values } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    suites: { type: 'string' },
    kind: { type: 'string', multiple: true, default: ['qemu', 'linked', 'nbdkit', 'made'] },
    share: { type: 'string', default: '1/1' },
    keep: { type: 'string' },
    goldens: { type: 'boolean', default: false },
  },
});

/** Releases of a share: one whose nbdkit sees less than later plugins have, one whose QEMU aborts. */
const SOME_SUITES = 'bullseye,bookworm';
/** Pairs of each kind in a share. */
const OF_A_KIND = 80;
const MAX_FAILURES = 60;

/** Builds the library that asks a QEMU, and puts it into each root. */
function preloadIn(suites: readonly Suite[]): string {
  const place = `${STAGE}/ask-qemu.so`;
  for (const { root } of suites) {
    mkdirSync(join(root, STAGE), { recursive: true });
    // No package that is unpacked has these; some plugins and filters work in them as soon as they are loaded.
    for (const folder of ['tmp', 'var/tmp']) mkdirSync(join(root, folder), { recursive: true });
    compile('ask-qemu.c', join(root, place), ['-shared', '-fPIC']);
  }
  return place;
}

/** Every Nth of all, or with a seed some of each kind. */
function chosen(kinds: readonly (readonly Planned[])[]): readonly Planned[] {
  if (values.all) {
    const [, first = '1', each = '1'] = /^(\d+)\/(\d+)$/.exec(values.share) ?? [];
    return kinds.flat().filter((_, index) => index % Number(each) === Number(first) - 1);
  }
  const random = createPrng(Number(values.seed));
  return kinds.flatMap((plans) => {
    const left = [...plans];
    return Array.from({ length: Math.min(OF_A_KIND, left.length) }, () =>
      left.splice(random.below(left.length), 1),
    ).flat();
  });
}

function report(asked: readonly Asked[], elapsedMs: number): number {
  const groups = new Map<string, Asked[]>();
  for (const one of asked) {
    groups.set(one.pair.group, [...(groups.get(one.pair.group) ?? []), one]);
  }
  for (const [group, all] of groups) {
    const undecided = all.filter(({ pair }) => pair.verdict.outcome === 'undecided').length;
    const wrong = all.filter(({ disagreement }) => disagreement !== null).length;
    console.log(`${group}: ${all.length} pairs, ${undecided} undecided, ${wrong} disagreements`);
  }
  const wrong = asked.filter(({ disagreement }) => disagreement !== null);
  for (const { pair, disagreement } of wrong) {
    console.log(`DISAGREEMENT ${pair.group} ${pair.module}: ${disagreement}`);
  }
  const undecided = asked.filter(({ pair }) => pair.verdict.outcome === 'undecided').length;
  console.log(
    `${asked.length} pairs in ${Math.round(elapsedMs / 1000)} s: ${wrong.length} disagreements, ${undecided} undecided`,
  );
  return wrong.length === 0 ? 0 : 1;
}

try {
  if (process.getuid?.() !== 0)
    throw new RigUnavailable('Programs of other releases run in a chroot, which needs root.');
  const wanted = values.suites ?? (values.all ? SUITES.join(',') : SOME_SUITES);
  const names = SUITES.filter((name) => wanted.split(',').includes(name));
  const suites = await openSuites(names);
  const older = (await Promise.all(suites.map(openOlderQemu))).filter((one) => one !== null);
  const started = performance.now();
  const preload = preloadIn(suites);
  const kinds: Readonly<Record<string, () => readonly Planned[]>> = {
    qemu: () => qemuPairs(suites, older, preload),
    linked: () => [...familyPairs(suites), ...strangerPairs(suites)],
    nbdkit: () => nbdkitPairs(suites),
    made: () => madePairs(suites, preload),
  };
  const plans = chosen(values.kind.map((kind) => kinds[kind]?.() ?? []));
  const asked: Asked[] = [];
  let failures = 0;
  await askAll(plans, availableParallelism(), (one) => {
    asked.push(one);
    if (values.keep !== undefined) {
      const { pair, answer, disagreement } = one;
      const line = JSON.stringify({ ...pair, facts: undefined, answer, disagreement });
      appendFileSync(values.keep, `${line}\n`);
    }
    if (asked.length % 250 === 0) console.log(`${asked.length} asked`);
    if (one.disagreement !== null) failures++;
    // An error of the test itself is not worth a thousand repetitions.
    if (failures > MAX_FAILURES) throw new Error(`${failures} disagreements: ${one.disagreement}`);
  });
  if (values.goldens) {
    const keys = new Map([...suites, ...older].map(({ key, name }) => [key, name]));
    console.log(`${writeGoldens(asked, keys)} goldens`);
  }
  for (const suite of values.kind.includes('qemu') ? suites : []) {
    const other = older.find(({ name }) => name === `${suite.name}-older`);
    // Before 7.2 a QEMU outlives it.
    if (suite.name === 'bullseye') continue;
    if (other === undefined) {
      console.log(
        `upgrade under a running QEMU of ${suite.name}: not tried, the mirror has one build`,
      );
      continue;
    }
    await outlivedUpgrade(suite, other);
    console.log(`upgrade under a running QEMU of ${suite.name}: foretold, and it aborted`);
  }
  process.exitCode = report(asked, performance.now() - started);
} catch (error) {
  if (!(error instanceof RigUnavailable)) throw error;
  console.error(`test:lockstep cannot run here: ${error.message}`);
  process.exitCode = 1;
}
