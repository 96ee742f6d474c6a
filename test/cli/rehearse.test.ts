import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEMO_IMAGE, demo, runCli, temporaryFolder } from '../support/cli.js';

const BOTH = ['--xen', DEMO_IMAGE, '--image', DEMO_IMAGE];

test('rehearse says what it needs', async () => {
  for (const [words, expected] of [
    [[], /rehearse needs something to work on/],
    [[demo('hello')], /two files: --xen FILE \(xen.gz\) and --image FILE/],
    [[demo('hello'), '--image', DEMO_IMAGE], /--xen FILE/],
    [[demo('hello'), ...BOTH, '--mode', 'independent'], /layers or as alternatives/],
    [[demo('hello'), ...BOTH, '--test-timeout', '0'], /--test-timeout takes seconds above 0/],
    [[demo('hello'), ...BOTH, '--accel', 'hvf'], /auto, kvm, tcg/],
  ] as const) {
    const { code, stderr } = await runCli(['rehearse', ...words]);
    assert.equal(code, 64, stderr);
    assert.match(stderr, expected);
  }
});

test('rehearse refuses what cannot be booted before it looks for QEMU', async (t) => {
  const gz = join(temporaryFolder(t), 'xen.gz');
  writeFileSync(gz, 'text');
  for (const [boot, expected] of [
    [DEMO_IMAGE, /it is an ELF64, as xen-syms is/],
    [gz, /neither gzipped nor an ELF32/],
    [join(gz, 'none'), /xen\.gz/],
  ] as const) {
    const words = ['rehearse', demo('hello'), '--image', DEMO_IMAGE, '--xen', boot];
    const { code, stderr } = await runCli(words);
    assert.equal(code, 1, stderr);
    assert.match(stderr, expected);
  }
});

test('rehearse refuses a test that is not there before it boots', async () => {
  const words = ['rehearse', demo('hello'), ...BOTH, '--test', '/nowhere/probe.sh'];
  const { code, stderr } = await runCli(words);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /probe\.sh/);
});
