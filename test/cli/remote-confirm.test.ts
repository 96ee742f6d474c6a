import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { withLock } from '../../core/files/index.js';
import { demo, runCli, temporaryFolder } from '../support/cli.js';
import { type FakeDom0, fakeDom0 } from '../support/fake-dom0.js';
import { longChain } from '../support/hostile-payloads.js';

const STATE = 'var/lib/xsplice-ts/host/confirm';

interface Far {
  readonly dom0: FakeDom0;
  readonly files: readonly string[];
  run(...words: readonly string[]): ReturnType<typeof runCli>;
}

function far(t: TestContext): Far {
  const folder = temporaryFolder(t);
  const dom0 = fakeDom0(folder);
  const files = longChain(2, 1).map((bytes, index) => {
    const file = join(folder, `p${index}.livepatch`);
    writeFileSync(file, bytes);
    return file;
  });
  const run: Far['run'] = (...words) => runCli([...words, '--host', dom0.transport.spec]);
  return { dom0, files, run };
}

/** Until nobody waits on that machine. */
async function untilNobodyWaits({ root }: FakeDom0): Promise<void> {
  await withLock(join(root, STATE), { what: 'It', patienceMs: 60_000 }, async () => undefined);
}

/** Over an imitation of a hypervisor: who waits, and for what, does not depend on it. */
describe('apply --confirm on another machine', () => {
  it('returns, says how long it is, and is taken back by the agent when time is up', async (t) => {
    const { dom0, files, run } = far(t);
    const applied = await run('apply', ...files, '--yes', '--confirm', '8', '--json');
    assert.equal(applied.code, 0, applied.stderr);
    assert.deepEqual(JSON.parse(applied.stdout).confirm, { entry: 1, seconds: 8 });
    const listed = JSON.parse((await run('list', '--json')).stdout);
    const { unconfirmed, findings } = listed;
    assert.deepEqual([unconfirmed?.entry, findings], [1, []], JSON.stringify(listed));
    if (unconfirmed.state === 'waiting') assert.ok(unconfirmed.secondsLeft <= 8);
    await untilNobodyWaits(dom0);
    assert.deepEqual(dom0.payloads(), []);
    const after = JSON.parse((await run('list', '--json')).stdout);
    assert.deepEqual([after.payloads, after.unconfirmed], [[], null]);
    assert.match(after.findings[0].message, /was not confirmed in time, and .* took back what it/);
    const history = JSON.parse((await run('history', '--json')).stdout);
    assert.equal(history.findings[0].code, 'change-taken-back');
    // The next change knows, and ends it.
    const again = await run('apply', ...files, '--yes');
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout + again.stderr, /change-taken-back/);
    const later = JSON.parse((await run('history', '--json')).stdout) as {
      readonly entries: readonly {
        readonly state: string;
        readonly after: { readonly applied: readonly object[] };
      }[];
    };
    assert.deepEqual(
      later.entries.map(({ state, after }) => [state, after.applied.length]),
      [
        ['taken-back-by-host', 0],
        ['done', 2],
      ],
    );
    assert.deepEqual(JSON.parse((await run('list', '--json')).stdout).findings, []);
  });

  it('stays once it is confirmed from another connection', async (t) => {
    const { dom0, files, run } = far(t);
    assert.equal((await run('apply', ...files, '--yes', '--confirm', '600')).code, 0);
    const status = await run('status', '--json');
    assert.equal(JSON.parse(status.stdout).unconfirmed.state, 'waiting', status.stdout);
    const second = await run('apply', ...files, '--yes', '--confirm', '600');
    assert.match(second.stdout + second.stderr, /nothing to do|confirm-pending/i);
    const confirmed = await run('confirm', '--json');
    assert.deepEqual([confirmed.code, JSON.parse(confirmed.stdout).confirmed], [0, 1]);
    await untilNobodyWaits(dom0);
    assert.deepEqual(dom0.payloads(), ['p0*', 'p1*']);
    assert.equal((await run('confirm')).code, 1);
  });

  it('says so where who waited was killed', async (t) => {
    const { dom0, files, run } = far(t);
    assert.equal((await run('apply', ...files, '--yes', '--confirm', '600')).code, 0);
    const folder = join(dom0.root, STATE);
    const held = withLock(folder, { what: 'It', patienceMs: 100 }, async () => undefined);
    const pid = await held.then(
      () => assert.fail('nobody waits'),
      (error: Error) => Number(/process (\d+)/.exec(error.message)?.[1]),
    );
    process.kill(pid, 'SIGKILL');
    await pause(200);
    const { unconfirmed } = JSON.parse((await run('list', '--json')).stdout);
    assert.equal(unconfirmed.state, 'unattended');
  });

  it('is refused where the agent could not take it back, or not look', async (t) => {
    const { dom0, run } = far(t);
    const first = demo('hello');
    const elsewhere = join(dom0.root, '..', 'store');
    const named = await run('apply', first, '--yes', '--confirm', '9', '--store', elsewhere);
    assert.deepEqual([named.code, /--store/.test(named.stderr)], [64, true], named.stderr);
    assert.equal((await run('apply', first, '--yes')).code, 0);
    const replaced = await run('replace', demo('replace'), '--yes', '--confirm', '9');
    assert.notEqual(replaced.code, 0);
    assert.match(replaced.stderr, /nobody would take it back, since the agent/);
    assert.deepEqual(dom0.payloads(), ['hello*']);
    assert.ok(!existsSync(join(dom0.root, STATE, 'waiting.json')));
  });
});
