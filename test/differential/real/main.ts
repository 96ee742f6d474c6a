/**
 * Asks real Xens and core/verify the same: seeded variants of payloads and sequences of actions. With --golden
 * what each Xen said is kept in test/differential/golden, with the package that was asked.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseArgs } from 'node:util';
import type { Manifest } from '../../../payloads/builder/manifest.js';
import {
  ALL_RELEASES,
  canRun,
  minutes,
  prepareReleases,
  releasesIn,
} from '../../support/real-xen.js';
import { repositoryRoot } from '../../support/repository.js';
import { encodeGolden, factsOf, type Golden } from '../golden.js';
import { prepareSubject, type Subject } from './subject.js';
import { EXTENTS, type SaidByXen, testDifferential } from './tests.js';

const USAGE = `Boots real Xens under QEMU and compares their answers with core/verify.

  npm run test:differential -- [--releases ${ALL_RELEASES}] [--variants N] [--tables T] [--sequences M]
                               [--seed S] [--machines N] [--golden]

N variants of any field, T variants of alternatives, exception tables and bug frames, and M sequences are made from the seed S, by default a new one. With --golden the answers are kept
in test/differential/golden. N machines run at once, one a release: 2.
`;

function encode(contents: Iterable<readonly [string, Uint8Array]>): Record<string, string> {
  return Object.fromEntries(
    [...contents].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
  );
}

/** Everything that was said, with the facts that are needed to predict it. */
function goldenOf(
  { hypervisor, model, image, version, symbols, family, bases, payloads }: Subject,
  said: SaidByXen & Pick<Golden, 'seed'>,
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

function writeGolden(subject: Subject, seed: number, said: SaidByXen): void {
  const name = `xen-${subject.hypervisor.release.xen}.json.gz`;
  const file = join(repositoryRoot(), 'test', 'differential', 'golden', name);
  writeFileSync(file, encodeGolden(goldenOf(subject, { seed, ...said })));
}

function main(): void {
  const { values } = parseArgs({
    options: {
      releases: { type: 'string', default: ALL_RELEASES },
      variants: { type: 'string' },
      tables: { type: 'string' },
      sequences: { type: 'string' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      machines: { type: 'string', default: '2' },
      golden: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const releases = releasesIn(values.releases);
  const { variants, tables, sequences, seed, machines } = values;
  const areNumbers = [variants, tables, sequences, seed].every(
    (text) => text === undefined || /^\d{1,10}$/.test(text),
  );
  if (values.help || releases === null || !areNumbers || !/^[1-9]$/.test(machines)) {
    process.stderr.write(USAGE);
    process.exitCode = values.help ? 0 : 64;
    return;
  }
  if (!canRun()) return;
  const preparing = prepareReleases(releases, prepareSubject);
  // Who awaits it shows how it failed.
  preparing.catch(() => undefined);
  // A release stops waiting for its machine after seconds: no more machines than processors.
  describe('real Xen and core/verify', { concurrency: Number(machines) }, () => {
    for (const release of releases) {
      it(`Xen ${release.xen}`, async (test) => {
        const subject = (await preparing).get(release);
        assert.ok(subject, `Xen ${release.xen} was not prepared`);
        const started = performance.now();
        const said = await testDifferential(test, subject, {
          seed: Number(seed),
          variants: Number(variants ?? EXTENTS[release.xen].variants),
          tables: Number(tables ?? EXTENTS[release.xen].tables),
          sequences: Number(sequences ?? EXTENTS[release.xen].sequences),
        });
        test.diagnostic(
          `Xen ${subject.hypervisor.version}: ${minutes(performance.now() - started)}`,
        );
        if (values.golden) writeGolden(subject, Number(seed), said);
      });
    }
  });
}

main();
