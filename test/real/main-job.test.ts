import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readPayload } from '../../core/payload/index.js';
import { readStateFile } from '../support/formats.js';
import { createPrng } from '../support/prng.js';
import { repositoryRoot } from '../support/repository.js';

const image = process.env['XSPLICE_REAL_IMAGE'];
const family = process.env['XSPLICE_REAL_FAMILY'];
const skip =
  image === undefined || family === undefined
    ? 'real input is fetched and named by `npm run test:real`'
    : false;

const LENGTH = 30;

function chainFile(number: number): string {
  return join(family ?? '', `chain-${String(number).padStart(2, '0')}.livepatch`);
}

function idOf(number: number): string {
  const file = chainFile(number);
  const { buildId } = readPayload(readFileSync(file), file);
  assert.equal(buildId.status, 'present');
  return buildId.status === 'present' ? buildId.id : '';
}

/** All numbers of the chain, in an order of its own per seed. */
function shuffled(seed: number): number[] {
  const prng = createPrng(seed);
  const numbers = Array.from({ length: LENGTH }, (_, i) => i + 1);
  for (let i = numbers.length - 1; i > 0; i--) {
    const j = prng.below(i + 1);
    const [a, b] = [numbers[i] ?? 0, numbers[j] ?? 0];
    numbers[i] = b;
    numbers[j] = a;
  }
  return numbers;
}

describe('the main job on a real hypervisor image', { skip }, () => {
  let state = '';
  before(() => {
    state = mkdtempSync(join(tmpdir(), 'xsplice-real-'));
    const { status, stderr } = xsplice('init', '--image', image ?? '');
    assert.equal(status, 0, stderr);
  });
  after(() => rmSync(state, { recursive: true, force: true }));

  function xsplice(...words: string[]) {
    return spawnSync(
      process.execPath,
      [join(repositoryRoot(), 'dist/bin/xsplice-ts.js'), ...words],
      {
        encoding: 'utf8',
        env: { ...process.env, XSPLICE_HOST: `embedded:${state}`, NO_COLOR: '1' },
      },
    );
  }
  function json(...words: string[]) {
    const { status, stdout, stderr } = xsplice(...words, '--json');
    return { status, stderr, document: JSON.parse(stdout) };
  }
  /** Where the hypervisor's own memory is, by content: equal exactly when every byte is. */
  function memoryOfXen(): string[] {
    const { regions } = readStateFile(state);
    assert.ok(Array.isArray(regions));
    return regions
      .filter(({ label }: { label: string }) => label.startsWith('xen'))
      .map(({ base, sha256 }: { base: string; sha256: string }) => `${base} ${sha256}`);
  }

  it('finds the chain of 30 in shuffled arguments', () => {
    const files = shuffled(1).map(chainFile);
    const { status, document } = json('check', ...files, '--image', image ?? '');
    assert.equal(status, 0);
    assert.deepEqual(
      document.chain.map(({ file }: { file: string }) => file),
      Array.from({ length: LENGTH }, (_, i) => chainFile(i + 1)),
    );
    assert.deepEqual(
      document.verdicts.map(({ outcome }: { outcome: string }) => outcome),
      Array(LENGTH).fill('accepted'),
    );
  });

  it('names the missing id once where number 15 is left out', () => {
    const files = shuffled(2)
      .filter((number) => number !== 15)
      .map(chainFile);
    const { status, document } = json('check', ...files, '--image', image ?? '');
    assert.equal(status, 3);
    const naming = document.findings.filter(({ message }: { message: string }) =>
      message.includes(idOf(15)),
    );
    assert.deepEqual(
      naming.map(({ code }: { code: string }) => code),
      ['missing-parent'],
    );
  });

  it('refuses number 2 alone with both ids and what is needed first', () => {
    const { status, stdout, stderr } = xsplice('apply', chainFile(2), '--yes');
    assert.equal(status, 1);
    const text = stdout + stderr;
    const root = String(readStateFile(state)['buildId']);
    assert.ok(text.includes(root), `the id it would be applied on: ${text}`);
    assert.ok(text.includes(idOf(1)), `the id it builds on: ${text}`);
    assert.match(text, /first/);
  });

  it('applies 30 in one go, lists them in order and reverts to the very same bytes', () => {
    const untouched = memoryOfXen();
    assert.ok(untouched.length > 0);
    const applied = xsplice('apply', ...shuffled(3).map(chainFile), '--yes');
    assert.equal(applied.status, 0, applied.stderr);
    assert.notDeepEqual(memoryOfXen(), untouched);

    const { document } = json('list');
    const stack = document.payloads
      .filter(({ state: s }: { state: string }) => s === 'APPLIED')
      .sort((a: { position: number }, b: { position: number }) => a.position - b.position)
      .map(({ buildId }: { buildId: string }) => buildId);
    assert.deepEqual(
      stack,
      Array.from({ length: LENGTH }, (_, i) => idOf(i + 1)),
    );

    const reverted = xsplice('revert', '--to', 'base', '--yes');
    assert.equal(reverted.status, 0, reverted.stderr);
    assert.deepEqual(memoryOfXen(), untouched);
  });

  it('replaces a stack by one cumulative payload', () => {
    const hello = join(family ?? '', 'hello.livepatch');
    const bye = join(family ?? '', 'bye.livepatch');
    const replacement = join(family ?? '', 'replace.livepatch');
    assert.equal(xsplice('apply', bye, hello, '--yes').status, 0);
    const { status, stderr } = xsplice('replace', replacement, '--yes');
    assert.equal(status, 0, stderr);
    const applied = json('list').document.payloads.filter(
      ({ state: s }: { state: string }) => s === 'APPLIED',
    );
    assert.deepEqual(
      applied.map(({ name }: { name: string }) => name),
      ['replace'],
    );
    assert.equal(xsplice('revert', '--yes').status, 0);
  });

  it('foresees what Xen refuses, for every payload of the family that says so', () => {
    const manifest = JSON.parse(readFileSync(join(family ?? '', 'manifest.json'), 'utf8'));
    for (const { file, refusedAt, dangerous } of manifest.payloads) {
      if (dangerous !== undefined || refusedAt !== 'upload') continue;
      const { document } = json('check', join(family ?? '', file), '--image', image ?? '');
      assert.equal(document.verdicts[0].outcome, 'refused', file);
      assert.ok(document.verdicts[0].errno > 0, file);
    }
  });
});
