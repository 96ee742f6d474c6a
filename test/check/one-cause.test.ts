import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildId } from '../../core/abi/ids.js';
import { type CheckReport, check } from '../../core/check/index.js';
import { SHT } from '../../core/elf/constants.js';
import { inputFile } from '../../core/payload/index.js';
import { buildIdNote } from '../support/elf-builder.js';
import {
  plainFunction,
  tinyModel,
  tinyPayload,
  withHeader,
  withSection,
} from '../support/tiny-model.js';

const model = tinyModel('4.17.7');
const target = {
  buildId: model.buildId ?? ('' as BuildId),
  model,
  symbols: null,
  notVerified: null,
};

const checkAll = (files: Readonly<Record<string, Uint8Array>>): Promise<CheckReport> =>
  check(
    Object.entries(files).map(([file, bytes]) => inputFile(file, bytes)),
    target,
  );

const errorsOf = ({ findings }: CheckReport) =>
  findings.flatMap(({ code, severity }) => (severity === 'error' ? [code] : []));

const good = tinyPayload();

describe('a verdict for every file', () => {
  it('also where the strict reader cannot read it, in the order of the files', async () => {
    const report = await checkAll({
      'text.livepatch': Buffer.from('#!/bin/sh\n'),
      'good.livepatch': good,
      'past-the-end.livepatch': withHeader(good, 'sectionOffset', 1n << 40n),
      'program.livepatch': withHeader(good, 'type', 2n),
    });
    assert.deepEqual(
      report.verdicts?.map(({ file, outcome, stage }) => [file, outcome, stage]),
      [
        ['text.livepatch', 'refused', 'elf-header'],
        ['good.livepatch', 'accepted', null],
        ['past-the-end.livepatch', 'refused', 'elf-header'],
        ['program.livepatch', 'refused', 'elf-header'],
      ],
    );
    // One finding each: what we found, and what Xen would do.
    const own = report.findings.filter(({ severity }) => severity === 'error');
    assert.deepEqual(
      own.map(({ file }) => file),
      ['text.livepatch', 'past-the-end.livepatch', 'program.livepatch'],
    );
    for (const { message, stage } of own) {
      assert.match(message, /\. Xen would refuse the upload with E/);
      assert.equal(stage, 'elf-header');
    }
  });

  it('also where the name is none that Xen takes', async () => {
    const file = `${'n'.repeat(200)}.livepatch`;
    const report = await checkAll({ [file]: good });
    assert.deepEqual(
      report.verdicts?.map(({ outcome, stage }) => [outcome, stage]),
      [['refused', 'name-and-size']],
    );
    assert.deepEqual(errorsOf(report), ['payload-bad-name']);
  });
});

describe('one cause is one finding', () => {
  const cases: Readonly<Record<string, readonly [Uint8Array, string]>> = {
    'no build-id of the parent': [tinyPayload({ depends: null }), 'would-be-refused'],
    'another version': [
      tinyPayload({ functions: [plainFunction({ version: 9 })] }),
      'would-be-refused',
    ],
    'two pointers of one hook': [tinyPayload({ hooks: { apply: ['a', 'b'] } }), 'would-be-refused'],
    'metadata without an end': [tinyPayload({ modinfo: Buffer.from('a') }), 'would-be-refused'],
    'all relocations compact (case 13)': [
      withSection(good, '.rela.livepatch.funcs', { type: BigInt(SHT.CREL) }),
      'would-be-fatal',
    ],
  };
  for (const [title, [bytes, code]] of Object.entries(cases)) {
    it(title, async () => {
      const report = await checkAll({ 'p.livepatch': bytes });
      const errors = errorsOf(report).filter((found) => found !== 'not-linked');
      assert.deepEqual(errors, [code], report.findings.map(({ message }) => message).join('\n'));
    });
  }
});

describe('a payload that was built for another hypervisor', () => {
  const foreign = (last: number) =>
    tinyPayload({
      buildId: buildIdNote(new Uint8Array(20).fill(last)),
      xenDepends: buildIdNote(new Uint8Array(20).fill(0xab)),
    });

  it('is one finding, which says what Xen would say', async () => {
    const report = await checkAll({ 'a.livepatch': foreign(1) });
    assert.deepEqual(errorsOf(report), ['wrong-hypervisor']);
    const [only] = report.findings;
    assert.match(
      only?.message ?? '',
      /^a\.livepatch was built for .*\. Xen would refuse the upload with EINVAL and prints "a: check against/,
    );
    assert.equal(only?.stage, 'xen-build-id');
  });

  it('is one finding for all of them', async () => {
    const names = ['a', 'b', 'c'].map((name) => `${name}.livepatch`);
    const files = Object.fromEntries(names.map((name, index) => [name, foreign(index + 1)]));
    const report = await checkAll(files);
    const about = report.findings.filter(({ code }) => code === 'wrong-hypervisor');
    assert.equal(about.length, 1);
    assert.deepEqual([about[0]?.file, ...(about[0]?.otherFiles ?? [])], names);
    assert.match(about[0]?.message ?? '', /Xen would refuse the upload of each$/);
    assert.ok(!errorsOf(report).includes('would-be-refused'), errorsOf(report).join());
    assert.deepEqual(
      report.verdicts?.map(({ outcome }) => outcome),
      ['refused', 'refused', 'refused'],
    );
  });

  it('has findings of its own where something else is wrong with it', async () => {
    const wrong = tinyPayload({
      xenDepends: buildIdNote(new Uint8Array(20).fill(0xab)),
      functions: [plainFunction({ oldSize: 1 })],
    });
    const codes = errorsOf(await checkAll({ 'a.livepatch': wrong }));
    assert.deepEqual(codes.sort(), ['would-be-refused', 'wrong-hypervisor']);
  });
});
