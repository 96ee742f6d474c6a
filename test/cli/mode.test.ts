import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import {
  CHAIN,
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  runCli,
  temporaryFolder,
} from '../support/cli.js';

const INDEPENDENT = [demo('independent-a'), demo('independent-b')];
const CUMULATIVE = [demo('cumulative-1'), demo('cumulative-2')];
const check = (...words: readonly string[]) => runCli(['check', ...words, '--image', DEMO_IMAGE]);

async function stack(host: readonly string[]): Promise<readonly unknown[]> {
  const { payloads } = documentOf(await runCli(['list', ...host, '--json'])) as {
    payloads: { name: string; state: string }[];
  };
  return payloads.filter(({ state }) => state === 'APPLIED').map(({ name }) => name);
}

test('two fixes on one parent: check and apply say the same, and name the ways on (A7, A8)', async (t) => {
  const host = await embeddedHost(t);
  const checked = await check(...INDEPENDENT);
  assert.equal(checked.code, 3);
  const applied = await runCli(['apply', ...INDEPENDENT, ...host, '--yes']);
  assert.equal(applied.code, 1);
  for (const text of [checked.stdout, applied.stderr]) {
    assert.match(text, /--mode independent/);
    assert.match(text, /--mode alternatives/);
    assert.match(text, /with \S*independent-a\.livepatch the fix of xen_compiler would go/);
    assert.doesNotMatch(text, /cumulative/);
  }
  assert.deepEqual(await stack(host), []);
});

test('--mode independent: check accepts both, and apply applies both (A8)', async (t) => {
  const host = await embeddedHost(t);
  const checked = await check(...INDEPENDENT, '--mode', 'independent', '--json');
  assert.equal(checked.code, 0, checked.stdout);
  assert.equal(documentOf(checked)['mode'], 'independent');
  const words = ['apply', ...INDEPENDENT, ...host, '--yes', '--mode', 'independent'];
  assert.equal((await runCli(words)).code, 0);
  assert.deepEqual(await stack(host), ['independent-a', 'independent-b']);
  assert.equal((await check(...CUMULATIVE, '--mode', 'independent')).code, 3);
});

test('--mode alternatives: each is judged as REPLACE would, and one is used alone', async (t) => {
  const host = await embeddedHost(t);
  const checked = await check(...CUMULATIVE, '--mode', 'alternatives', '--json');
  assert.equal(checked.code, 0, checked.stdout);
  const { mode, chain, verdicts } = documentOf(checked) as {
    mode: string;
    chain: unknown[];
    verdicts: { inChain: { operation: string; outcome: string } }[];
  };
  assert.equal(mode, 'alternatives');
  assert.deepEqual(chain, []);
  assert.deepEqual(
    verdicts.map(({ inChain }) => [inChain.operation, inChain.outcome]),
    [
      ['replace', 'accepted'],
      ['replace', 'accepted'],
    ],
  );
  // What builds on another payload, or vetoes REPLACE, is no alternative.
  assert.equal((await check(...CHAIN.slice(0, 2), '--mode', 'alternatives')).code, 3);
  assert.equal((await check(demo('hook-preapply'), '--mode', 'alternatives')).code, 3);
  const id = String((documentOf(checked)['hypervisor'] as { buildId: string }).buildId);
  const unverified = ['check', ...CHAIN.slice(0, 2), '--build-id', id, '--mode', 'alternatives'];
  assert.match((await runCli(unverified)).stdout, /error .*chain-02.*\[not-on-hypervisor\]/);

  await runCli(['apply', demo('hello'), ...host, '--yes']);
  const both = await runCli(['apply', ...CUMULATIVE, ...host, '--yes', '--mode', 'alternatives']);
  assert.equal(both.code, 1);
  assert.match(both.stderr, /are alternatives: only one of them is to be used/);
  const one = ['apply', demo('cumulative-2'), ...host, '--yes', '--mode', 'alternatives'];
  assert.equal((await runCli(one)).code, 0);
  assert.deepEqual(await stack(host), ['cumulative-2']);
});

test('cumulative payloads are alternatives without being told: one replaces all that the other does', async () => {
  const { code, stdout } = await check(...CUMULATIVE);
  assert.equal(code, 0);
  assert.match(stdout, /warning .*\[several-cumulative\]/);
});

test('what builds on the hypervisor is told what the stack holds, and which fixes would go (A7)', async (t) => {
  const host = await embeddedHost(t);
  await runCli(['apply', demo('hello'), ...host, '--yes']);
  const { code, stderr } = await runCli(['apply', demo('independent-a'), ...host, '--yes']);
  assert.equal(code, 1);
  assert.match(stderr, /the stack already holds hello\. .*--mode independent/);
  assert.match(stderr, /the fix of xen_extra_version would go/);
  const covering = await runCli(['apply', demo('cumulative-2'), ...host, '--yes']);
  assert.match(covering.stderr, /it replaces every function that they do/);
  const replaced = await runCli(['plan', 'replace', demo('independent-a'), ...host]);
  assert.match(replaced.stdout, /warning .*xen_extra_version.*\[replace-drops-fixes\]/);
  const fine = await runCli(['plan', 'replace', demo('cumulative-2'), ...host]);
  assert.doesNotMatch(fine.stdout, /replace-drops-fixes/);
});

test('missing-parent never asks for the hypervisor as a payload (A9)', async (t) => {
  const host = await embeddedHost(t);
  await runCli(['apply', demo('hello'), ...host, '--yes']);
  const both = await runCli(['apply', ...INDEPENDENT, ...host, '--dry-run', '--json']);
  assert.equal(both.code, 1);
  const { error, findings } = documentOf(both) as {
    error: { code: string; hint: string };
    findings: { code: string; otherFiles?: string[] }[];
  };
  assert.equal(error.code, 'does-not-attach');
  assert.match(
    error.hint,
    /They build on the hypervisor itself, and the stack already holds hello/,
  );
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['does-not-attach'],
  );
  const wrong = await runCli(['apply', demo('wrong-xen-depends'), ...host, '--dry-run', '--json']);
  const codes = (documentOf(wrong)['findings'] as { code: string }[]).map(({ code }) => code);
  assert.ok(codes.includes('wrong-hypervisor'));
  assert.ok(!codes.includes('missing-parent'));
});

test('--to base with a payload called base is refused, and both have another name', async (t) => {
  const host = await embeddedHost(t);
  const file = join(temporaryFolder(t), 'base.livepatch');
  copyFileSync(demo('hello'), file);
  assert.equal((await runCli(['apply', file, demo('bye'), ...host, '--yes'])).code, 0);
  const refused = await runCli(['revert', '--to', 'base', ...host, '--yes']);
  assert.equal(refused.code, 1);
  const [, payload = '', hypervisor = ''] =
    /payload is meant by --to ([0-9a-f]{40}), the hypervisor by --to ([0-9a-f]{40})/.exec(
      refused.stderr,
    ) ?? assert.fail(refused.stderr);
  assert.deepEqual(await stack(host), ['base', 'bye']);
  assert.equal((await runCli(['revert', '--to', payload, ...host, '--yes'])).code, 0);
  assert.deepEqual(await stack(host), ['base']);
  const whole = ['revert', '--to', hypervisor.slice(0, 8), ...host, '--yes'];
  assert.equal((await runCli(whole)).code, 0);
  assert.deepEqual(await stack(host), []);
});

test('--mode that has no effect, or makes no sense with another option, is refused', async (t) => {
  const host = await embeddedHost(t);
  for (const words of [
    ['plan', 'upload', ...INDEPENDENT, ...host, '--mode', 'independent'],
    ['apply', ...INDEPENDENT, ...host, '--mode', 'independent', '--check', 'both'],
    ['apply', ...INDEPENDENT, ...host, '--mode', 'alternatives', '--nodeps'],
    ['apply', 'hello', ...host, '--mode', 'alternatives'],
    ['apply', ...INDEPENDENT, ...host, '--mode', 'anything'],
  ]) {
    assert.equal((await runCli(words)).code, 64, words.join(' '));
  }
});
