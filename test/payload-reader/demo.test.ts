import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { parseBuildId } from '../../core/abi/ids.js';
import { readPayload } from '../../core/payload/index.js';
import { planPayloadOf } from '../../core/payload/plan-payload.js';
import { checkChain } from '../../core/stack/index.js';
import { payloadSources } from '../../payloads/builder/locate.js';
import {
  readelfMissing,
  readelfNotes,
  readelfRelocations,
  readelfSymbols,
} from '../support/readelf.js';

const DEMO = join(payloadSources(), 'demo');

interface ManifestEntry {
  readonly file: string;
  readonly buildId: string | null;
  readonly depends: string | null;
  readonly xenDepends: string | null;
  readonly machine: string;
  readonly sha256: string;
}

function manifestOf(folder: string): {
  readonly hypervisor: { readonly buildId: string };
  readonly payloads: readonly ManifestEntry[];
} {
  return JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
}

/** The demo's folder and those in it that have a manifest of their own. */
function manifestFolders(): readonly string[] {
  return readdirSync(DEMO, { recursive: true, encoding: 'utf8' })
    .filter((path) => basename(path) === 'manifest.json')
    .map((path) => join(DEMO, dirname(path)));
}

function demo(file: string) {
  const bytes = readFileSync(join(DEMO, file));
  const payload = readPayload(bytes, file);
  return {
    payload,
    member: planPayloadOf(payload, createHash('sha256').update(bytes).digest('hex')),
  };
}

describe('the demo payloads', () => {
  for (const folder of manifestFolders()) {
    for (const entry of manifestOf(folder).payloads) {
      const path = join(folder, entry.file);
      it(`${entry.file}: ids and machine as its builder recorded them`, () => {
        const payload = readPayload(readFileSync(path), path);
        const member = planPayloadOf(payload, '');
        assert.equal(member.buildId, entry.buildId);
        assert.equal(member.depends, entry.depends);
        assert.equal(member.xenDepends, entry.xenDepends ?? null);
        assert.equal(payload.machine, entry.machine);
      });

      it(`${entry.file}: ids, relocations and symbols as readelf shows them`, {
        skip: readelfMissing,
      }, () => {
        const payload = readPayload(readFileSync(path), path);
        const notes = readelfNotes(path);
        for (const [section, id] of [
          ['.note.gnu.build-id', payload.buildId],
          ['.livepatch.depends', payload.depends],
          ['.livepatch.xen_depends', payload.xenDepends],
        ] as const) {
          // readelf shows notes of sections of type NOTE only; others it cannot vouch for.
          const note = notes.find((n) => n.section === section);
          if (note && id.status === 'present') assert.equal(id.id, note.buildId);
        }
        const own = notes.find((n) => n.section === '.note.gnu.build-id');
        assert.ok(own?.buildId, 'readelf shows no build-id to compare with');

        const relocations = readelfRelocations(path);
        const counted = payload.relocations.reduce((sum, { count }) => sum + count, 0);
        assert.equal(counted, relocations.length);
        for (const { type, count } of payload.relocations) {
          assert.equal(relocations.filter((r) => r.type === type).length, count, type);
        }
        const undefinedNames = readelfSymbols(path)
          .filter((s) => s.section === 'UND' && s.name !== '')
          .map((s) => s.name);
        assert.deepEqual(
          payload.imports.map((s) => s.name),
          undefinedNames,
        );
      });
    }
  }

  it('are without fault, but for those that are made to show one', () => {
    const faulty = manifestFolders().flatMap((folder) =>
      manifestOf(folder).payloads.flatMap(({ file }) => {
        const { findings } = readPayload(readFileSync(join(folder, file)), file);
        return findings.map((f) => `${f.file}: ${f.code} ${f.section ?? ''}`.trim());
      }),
    );
    assert.deepEqual(faulty.sort(), [
      'no-xen-depends.livepatch: missing-note .livepatch.xen_depends',
      'nothing-to-patch.livepatch: nothing-to-patch',
      'wrong-version.livepatch: payload-wrong-version .livepatch.funcs',
    ]);
  });

  it('are there for both machines', () => {
    const machines = manifestFolders().flatMap((f) => manifestOf(f).payloads.map((p) => p.machine));
    assert.deepEqual([...new Set(machines)].sort(), ['arm64', 'x86-64']);
  });

  it('form the chains that they are named for', () => {
    const hypervisor = parseBuildId(manifestOf(DEMO).hypervisor.buildId);
    const files = readdirSync(DEMO).filter((file) => /^chain-\d+\.livepatch$/.test(file));
    assert.ok(files.length > 1);
    const members = files.map((file) => demo(file).member).reverse();
    const report = checkChain(members, hypervisor);
    assert.deepEqual(report.findings, []);
    assert.deepEqual(
      report.chain.map((m) => m.file),
      files.sort(),
    );
    const two = ['cumulative-1.livepatch', 'cumulative-2.livepatch'].map((f) => demo(f).member);
    assert.deepEqual(
      checkChain(two, hypervisor).findings.map((f) => `${f.severity} ${f.code}`),
      ['warning several-cumulative'],
    );
  });

  const facts: readonly [file: string, fact: string, found: (file: string) => unknown, unknown][] =
    [
      ['data.livepatch', 'cannot be applied again', (f) => demo(f).payload.safeToReapply, false],
      ['hello.livepatch', 'can be applied again', (f) => demo(f).payload.safeToReapply, true],
      ['nop.livepatch', 'is a NOP', (f) => demo(f).payload.functions.map((x) => x.isNop), [true]],
      [
        'bye.livepatch',
        'stands on hello',
        (f) => demo(f).member.depends,
        demo('hello.livepatch').member.buildId,
      ],
      ['build-tools-shape.livepatch', 'is signed', (f) => demo(f).payload.hasSignature, true],
      ['veto-preapply.livepatch', 'vetoes', (f) => demo(f).payload.vetoingHooks, ['preapply']],
      [
        'metadata.livepatch',
        'has metadata',
        (f) => demo(f).payload.metadata[0],
        { key: 'license', value: 'MIT' },
      ],
      [
        'no-xen-depends.livepatch',
        'lacks a note',
        (f) => demo(f).payload.findings.map((x) => x.section),
        ['.livepatch.xen_depends'],
      ],
      [
        'wrong-version.livepatch',
        'has version 99',
        (f) => demo(f).payload.findings.map((x) => x.actual),
        ['99'],
      ],
    ];
  for (const [file, fact, found, expected] of facts) {
    it(`${file} ${fact}`, () => assert.deepEqual(found(file), expected));
  }
});
