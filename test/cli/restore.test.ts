import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import {
  CHAIN,
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  refused,
  runCli,
  succeed,
} from '../support/cli.js';
import { repositoryRoot } from '../support/repository.js';

type Host = readonly [string, string];

async function stack(host: Host): Promise<readonly string[]> {
  const { payloads } = documentOf(await succeed('list', '--json', ...host)) as unknown as {
    readonly payloads: readonly { readonly name: string; readonly position: number | null }[];
  };
  return payloads
    .filter(({ position }) => position !== null)
    .sort((a, b) => (a.position ?? 0) - (b.position ?? 0))
    .map(({ name }) => name);
}

/** What an embedded hypervisor has of a boot: the same image, and nothing loaded. */
async function boot(host: Host): Promise<void> {
  await succeed('init', '--image', DEMO_IMAGE, '--yes', ...host);
}

function memory(host: Host): string {
  return join(host[1].slice('embedded:'.length), 'memory', 'host');
}

/** As if the machine had gone down while the last change did its last step. */
function loseEnd(host: Host, records: number): void {
  const path = join(memory(host), 'journal', '000001.jsonl');
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  writeFileSync(path, `${lines.slice(0, -records).join('\n')}\n`);
}

test('a boot brings back the saved stack, from any part of it, and asks nothing', async (t) => {
  const host = await embeddedHost(t);
  assert.match((await succeed('restore', ...host)).stdout, /Nothing is saved for this hypervisor/);
  await succeed('apply', ...CHAIN.slice(0, 3), '--yes', ...host);
  assert.match((await succeed('save', ...host)).stdout, /3 payloads, chain-01, chain-02, chain-03/);
  assert.match((await succeed('restore', ...host)).stdout, /The saved stack is applied/);
  await boot(host);
  await succeed('restore', '--dry-run', ...host);
  assert.deepEqual(await stack(host), []);
  await succeed('restore', ...host);
  assert.deepEqual(await stack(host), ['chain-01', 'chain-02', 'chain-03']);
  await succeed('revert', '--to', 'chain-01', '--yes', ...host);
  await succeed('restore', ...host);
  assert.deepEqual(await stack(host), ['chain-01', 'chain-02', 'chain-03']);
  // More than was saved is no reason to do anything.
  await succeed('apply', ...CHAIN, '--yes', ...host);
  await succeed('restore', ...host);
  assert.equal((await stack(host)).length, 5);
});

test('restore adds and never reverts: another stack is refused', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('hello'), '--yes', ...host);
  await succeed('save', ...host);
  await boot(host);
  await succeed('apply', demo('replace'), '--yes', ...host);
  const error = await refused('restore', ...host);
  assert.equal(error.code, 'restore-differs');
  assert.match(error.message, /Applied is replace, and saved was hello/);
  assert.deepEqual(await stack(host), ['replace']);
});

test('what is saved is for one build of the hypervisor', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('hello'), '--yes', ...host);
  const { saved } = documentOf(await succeed('save', '--json', ...host)) as unknown as {
    readonly saved: { readonly hypervisor: string };
  };
  const path = join(memory(host), 'saved', `${saved.hypervisor}.json`);
  const text = readFileSync(path, 'utf8');
  await boot(host);
  // Of another build, under this one's name: no such thing is believed.
  writeFileSync(
    path,
    text.replace(`"hypervisor": "${saved.hypervisor}"`, `"hypervisor": "${'ab'.repeat(20)}"`),
  );
  assert.equal((await refused('restore', ...host)).code, 'store-damaged');
  writeFileSync(path, text.replace('"formatVersion": 1', '"formatVersion": 2'));
  assert.equal((await refused('restore', ...host)).code, 'store-too-new');
  writeFileSync(path, text.slice(0, 50));
  assert.equal((await refused('restore', ...host)).code, 'store-damaged');
  rmSync(path);
  assert.match((await succeed('restore', ...host)).stdout, /Nothing is saved/);
  assert.deepEqual(await stack(host), []);
});

test('guards and accepted dangers are those that it was applied under', async (t) => {
  const host = await embeddedHost(t);
  const danger = demo('dangerous/nop-misaligned');
  const { stdout } = await runCli(['apply', danger, '--json', '--yes', ...host]);
  const [code = ''] = (JSON.parse(stdout).findings as { code: string; severity: string }[])
    .filter(({ severity }) => severity === 'error')
    .map((found) => found.code);
  await succeed('apply', danger, '--accept', code, '--yes', ...host);
  await succeed('save', ...host);
  await boot(host);
  await succeed('restore', ...host);
  assert.deepEqual(await stack(host), ['nop-misaligned']);

  await boot(host);
  const independent = [demo('independent-a'), demo('independent-b')];
  await succeed('apply', ...independent, '--mode', 'independent', '--yes', ...host);
  const { saved } = documentOf(await succeed('save', '--json', ...host)) as unknown as {
    readonly saved: { readonly stack: readonly { readonly guard: string }[] };
  };
  assert.deepEqual(
    saved.stack.map(({ guard }) => guard),
    ['old-code', 'old-code'],
  );
  await boot(host);
  const done = documentOf(await succeed('restore', '--json', ...host));
  assert.equal((done['guard'] as { readonly check: string }).check, 'old-code');
  assert.deepEqual(await stack(host), ['independent-a', 'independent-b']);
});

test('what was not kept cannot be saved', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('hello'), '--no-store', '--yes', ...host);
  const error = await refused('save', ...host);
  assert.equal(error.code, 'save-lacks-payload');
  assert.match(error.message, /^hello /);
  await succeed('store', 'add', demo('hello'), ...host);
  await succeed('save', ...host);
  await succeed('store', 'prune', '--yes', ...host);
  await succeed('store', 'remove', 'hello', '--yes', ...host);
  await boot(host);
  assert.equal((await refused('restore', ...host)).code, 'return-lacks-payload');
});

test('a payload at which a restore ended without a word is not tried again until it is saved anew', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', ...CHAIN.slice(0, 3), '--yes', ...host);
  await succeed('save', ...host);
  await boot(host);
  await succeed('restore', ...host);
  // outcome and end; the outcome and intent of the third; and the outcome of the second: it was being applied.
  loseEnd(host, 4);
  for (const again of [1, 2]) {
    await boot(host);
    const { code, stdout } = await runCli(['restore', ...host]);
    assert.equal(code, 4, `boot ${again}`);
    assert.match(
      stdout,
      /chain-02 is not applied, and chain-03 with it: an earlier restore ended at it/,
    );
    assert.deepEqual(await stack(host), ['chain-01'], `boot ${again}`);
  }
  const { code } = await runCli(['restore', '--json', ...host]);
  assert.equal(code, 4);
  await succeed('apply', ...CHAIN.slice(0, 3), '--yes', ...host);
  await succeed('save', ...host);
  await boot(host);
  await succeed('restore', ...host);
  assert.equal((await stack(host)).length, 3);
});

test('where only the process of a restore died, the next one goes on', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', ...CHAIN.slice(0, 2), '--yes', ...host);
  await succeed('save', ...host);
  await boot(host);
  await succeed('restore', ...host);
  loseEnd(host, 2);
  await succeed('revert', '--yes', ...host, '--store', join(memory(host), '..', '..', 'other'));
  await succeed('restore', ...host);
  assert.deepEqual(await stack(host), ['chain-01', 'chain-02']);
});

test('the unit of the package runs what this program knows', async () => {
  const path = 'packages/debian/root/usr/lib/systemd/system/xsplice-ts-restore.service';
  const unit = readFileSync(join(repositoryRoot(), path), 'utf8');
  assert.match(unit, /^ConditionKernelCommandLine=!xsplice\.enable=0$/m);
  const [, line = ''] = /^ExecStart=\/usr\/bin\/xsplice-ts (.*)$/m.exec(unit) ?? [];
  // There is no Xen here: it says so, and not that it was typed wrong.
  const { code } = await runCli([
    ...line.split(' ').filter((word) => word !== 'xen' && word !== '--host'),
    '--host',
    'embedded:/nowhere',
  ]);
  assert.equal(code, 1);
});
