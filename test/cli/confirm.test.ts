import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CLI,
  type CliResult,
  cliEnvironment,
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  refused,
  runCli,
  succeed,
  temporaryFolder,
} from '../support/cli.js';
import { repositoryRoot } from '../support/repository.js';

type Host = readonly [string, string];

/** Longer than any change here waits, and any machine needs to notice that it is over. */
const PATIENCE_MS = 60_000;

function confirmFolder(host: Host): string {
  return join(host[1].slice('embedded:'.length), 'memory', 'host', 'confirm');
}

async function applied(host: Host): Promise<string> {
  const { payloads } = documentOf(await succeed('list', '--json', ...host)) as unknown as {
    readonly payloads: readonly { readonly name: string; readonly position: number | null }[];
  };
  return payloads
    .filter(({ position }) => position !== null)
    .sort((a, b) => (a.position ?? 0) - (b.position ?? 0))
    .map(({ name }) => name)
    .join(' ');
}

interface Waiting {
  readonly entry: number;
  readonly state: string;
  readonly secondsLeft: number | null;
}

async function waiting(host: Host): Promise<Waiting | null> {
  const document = documentOf(await runCli(['status', '--json', ...host]));
  assert.equal(document['ok'], true);
  const listed = documentOf(await succeed('list', '--json', ...host))['unconfirmed'];
  const { unconfirmed } = document;
  assert.equal(listed === null, unconfirmed === null);
  return unconfirmed as Waiting | null;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(100)) {
    if (await holds()) return;
  }
  assert.fail(`not in time: ${what}`);
}

/** The process that waits, by the name of its lock. */
function waitingProcess(host: Host): number {
  const [number] = waitingProcesses(host);
  assert.ok(number);
  return number;
}

function waitingProcesses(host: Host): readonly number[] {
  const folder = confirmFolder(host);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.flatMap((name) => {
    const number = Number(/^lock\.\d+\.(\d+)\.[0-9a-f]+$/.exec(name)?.[1]);
    return number > 0 && isAlive(number) ? [number] : [];
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A host of which nobody waits any more once the test is over. */
async function hostFor(context: TestContext): Promise<Host> {
  // Before the folder goes.
  const hosts: Host[] = [];
  context.after(async () => {
    const pids = hosts.flatMap(waitingProcesses);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await until('nobody waits', () => !pids.some(isAlive));
  });
  const host = await embeddedHost(context);
  hosts.push(host);
  return host;
}

describe('apply --confirm', { concurrency: 4 }, () => {
  it('is taken back by the journal where nobody confirms it', async (t) => {
    const host = await hostFor(t);
    const done = documentOf(
      await succeed('apply', demo('hello'), '--confirm', '2', '--yes', '--json', ...host),
    );
    assert.deepEqual(done['confirm'], { entry: 1, seconds: 2 });
    assert.equal(await applied(host), 'hello');
    await until('taken back', async () => (await applied(host)) === '');
    await until('nobody waits', () => waitingProcesses(host).length === 0);
    assert.equal(await waiting(host), null);
    const { stdout } = await succeed('history', ...host);
    assert.match(stdout, /2 .* take-back of 1 +done +nothing\n1 .* apply hello +done +hello/);
    const error = await refused('confirm', ...host);
    assert.equal(error.code, 'confirm-nothing');
    // All is as before: undone, the way back is the change again.
    await succeed('undo', '--yes', ...host);
    assert.equal(await applied(host), 'hello');
  });

  it('is so with the program as it is shipped', async (t) => {
    const host = await hostFor(t);
    const program = join(repositoryRoot(), 'dist', 'bin', 'xsplice-ts.js');
    const words = [program, 'apply', demo('hello'), '--confirm', '1', '--yes', ...host];
    const { status, stderr } = spawnSync(process.execPath, words, {
      encoding: 'utf8',
      env: cliEnvironment(),
    });
    assert.equal(status, 0, stderr);
    await until('taken back', async () => (await applied(host)) === '');
    assert.equal(await waiting(host), null);
  });

  it('stays where it is confirmed, by another session', async (t) => {
    const host = await hostFor(t);
    const { stdout } = await succeed('apply', demo('hello'), '--confirm', '3', '--yes', ...host);
    assert.match(stdout, /Change 1 is taken back in 3 s: xsplice-ts confirm keeps it\./);
    const shown = await waiting(host);
    assert.equal(shown?.state, 'waiting');
    assert.ok((shown.secondsLeft ?? 99) <= 3);
    const status = await runCli(['status', '--format', 'prometheus', ...host]);
    assert.equal(status.code, 4);
    assert.match(status.stdout, /^xen_livepatch_change_unconfirmed 1$/m);
    assert.match(status.stdout, /^xen_livepatch_change_unconfirmed_seconds [0-3]$/m);
    assert.match((await succeed('confirm', ...host)).stdout, /Change 1 is confirmed: it stays/);
    await until('nobody waits', () => waitingProcesses(host).length === 0);
    await sleep(3000);
    assert.equal(await applied(host), 'hello');
    assert.equal((await refused('confirm', ...host)).code, 'confirm-nothing');
    const after = await runCli(['status', '--format', 'prometheus', ...host]);
    assert.match(after.stdout, /^xen_livepatch_change_unconfirmed 0$/m);
    assert.doesNotMatch(after.stdout, /unconfirmed_seconds/);
  });

  it('waits in a session of its own, with nothing of the terminal open', async (t) => {
    const host = await hostFor(t);
    await succeed('apply', demo('hello'), '--confirm', '10', '--yes', ...host);
    const pid = waitingProcess(host);
    const [, fields = ''] = /^\d+ \(.*\) (.*)$/s.exec(
      readFileSync(`/proc/${pid}/stat`, 'utf8'),
    ) as RegExpExecArray;
    const [, , , session, terminal] = fields.split(' ');
    assert.equal(Number(session), pid);
    assert.equal(Number(terminal), 0);
    assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/');
    for (const fd of [0, 1, 2]) assert.equal(readlinkSync(`/proc/${pid}/fd/${fd}`), '/dev/null');
    // What a terminal sends that goes away.
    process.kill(pid, 'SIGHUP');
    await until('taken back', async () => (await applied(host)) === '');
    await until('nobody waits', () => waitingProcesses(host).length === 0);
    // What a machine sends that goes down.
    await succeed('apply', demo('hello'), '--confirm', '60', '--yes', ...host);
    const second = waitingProcess(host);
    process.kill(second, 'SIGTERM');
    await until('it ends', () => !isAlive(second));
    assert.equal((await waiting(host))?.state, 'unattended');
  });

  it('is taken back though its manager is killed, whenever that is', async (t) => {
    for (const delayMs of [0, 20, 60, 200]) {
      const host = await hostFor(t);
      const manager = spawn(
        process.execPath,
        [CLI, 'apply', demo('hello'), demo('bye'), '--confirm', '2', '--yes', ...host],
        { stdio: 'ignore', env: cliEnvironment() },
      );
      const ended = once(manager, 'exit');
      const file = join(confirmFolder(host), 'waiting.json');
      await until('it begins', () => existsSync(file) || manager.exitCode !== null);
      await sleep(delayMs);
      manager.kill('SIGKILL');
      await ended;
      await until('taken back', async () => {
        const { payloads } = documentOf(await succeed('list', '--json', ...host));
        return (payloads as unknown[]).length === 0 && (await waiting(host)) === null;
      });
    }
  });

  it('is said not to be taken back where who waited was killed', async (t) => {
    for (const way of ['undo', 'confirm'] as const) {
      const host = await hostFor(t);
      await succeed('apply', demo('hello'), '--confirm', '60', '--yes', ...host);
      const pid = waitingProcess(host);
      process.kill(pid, 'SIGKILL');
      await until('it is dead', () => !isAlive(pid));
      const shown = await waiting(host);
      assert.deepEqual([shown?.state, shown?.secondsLeft], ['unattended', null]);
      const { stdout, code } = await runCli(['status', ...host]);
      assert.equal(code, 4);
      assert.match(
        stdout,
        /Confirm +Change 1 is not confirmed, and nobody will take it back: .*xsplice-ts undo takes it back, xsplice-ts confirm keeps it/,
      );
      assert.equal(await applied(host), 'hello');
      await succeed(way, ...(way === 'undo' ? ['--yes'] : []), ...host);
      assert.equal(await applied(host), way === 'undo' ? '' : 'hello');
      assert.equal(await waiting(host), null);
    }
  });

  it('is confirmed or taken back in the last second, and never both', async (t) => {
    const outcomes = await Promise.all(
      [0, 500, 900, 1000, 1100, 1300, 1600, 2000].map(async (delayMs) => {
        const host = await hostFor(t);
        await succeed('apply', demo('hello'), '--confirm', '1', '--yes', ...host);
        await sleep(delayMs);
        const { code } = await runCli(['confirm', ...host]);
        await until('it is decided', () => waitingProcesses(host).length === 0);
        const verbs = (
          documentOf(await succeed('history', '--json', ...host))['entries'] as { verb: string }[]
        ).map(({ verb }) => verb);
        const isKept = code === 0;
        assert.deepEqual(verbs, isKept ? ['apply'] : ['apply', 'take-back']);
        assert.equal(await applied(host), isKept ? 'hello' : '');
        assert.equal(await waiting(host), null);
        return isKept;
      }),
    );
    t.diagnostic(`kept: ${outcomes.filter((kept) => kept).length} of ${outcomes.length}`);
  });

  it('stays, and status says so, where others were applied above', async (t) => {
    const host = await hostFor(t);
    await succeed('apply', demo('hello'), '--confirm', '2', '--yes', ...host);
    const more = documentOf(await succeed('apply', demo('bye'), '--yes', '--json', ...host));
    const codes = (more['findings'] as { code: string }[]).map(({ code }) => code);
    assert.ok(codes.includes('change-unconfirmed'));
    await until('nobody waits', () => waitingProcesses(host).length === 0);
    assert.equal(await applied(host), 'hello bye');
    assert.equal((await waiting(host))?.state, 'overtaken');
    assert.match(
      (await runCli(['status', ...host])).stdout,
      /Change 1 is not confirmed, and is not taken back: what is loaded was changed since/,
    );
    // It hinders nobody.
    await succeed('revert', '--yes', ...host);
    await succeed('apply', 'bye', '--confirm', '60', '--yes', ...host);
    assert.equal((await waiting(host))?.entry, 4);
    await succeed('confirm', ...host);
    assert.equal(await waiting(host), null);
  });

  it('is void after a boot', async (t) => {
    const host = await hostFor(t);
    await succeed('apply', demo('hello'), '--confirm', '2', '--yes', ...host);
    await succeed('init', '--image', DEMO_IMAGE, '--yes', ...host);
    await succeed('apply', demo('hello'), '--yes', ...host);
    await until('nobody waits', () => waitingProcesses(host).length === 0);
    assert.equal(await applied(host), 'hello');
    assert.equal(await waiting(host), null);
  });

  it('goes for replace, and for a saved plan', async (t) => {
    const host = await hostFor(t);
    await succeed('apply', demo('hello'), demo('bye'), '--yes', ...host);
    await succeed('replace', demo('replace'), '--confirm', '1', '--yes', ...host);
    await until('taken back', async () => (await applied(host)) === 'hello bye');
    const plan = join(temporaryFolder(t), 'a.plan');
    await succeed('revert', '--to', 'base', '--yes', ...host);
    await succeed('plan', 'apply', 'hello', '--output', plan, ...host);
    await until('nobody waits', () => waitingProcesses(host).length === 0);
    await succeed('apply', '--plan', plan, '--confirm', '1', '--yes', ...host);
    await until('taken back', async () => (await applied(host)) === '');
    await until('nobody waits', () => waitingProcesses(host).length === 0);
    await succeed('plan', 'unload', 'hello', '--output', plan, ...host);
    const wrong = await runCli(['apply', '--plan', plan, '--confirm', '1', '--yes', ...host]);
    assert.equal(wrong.code, 64);
  });

  it('says why it could not be taken back, and tries again', async (t) => {
    const host = await hostFor(t);
    const policy = join(temporaryFolder(t), 'policy.json');
    writeFileSync(policy, '{ "formatVersion": 1 }', { mode: 0o600 });
    await succeed('apply', demo('hello'), '--confirm', '1', '--yes', '--policy', policy, ...host);
    // What may be done is not known any more: nothing is.
    writeFileSync(policy, '{ "formatVersion": 1, "oops": true }');
    await until('it failed', async () => (await waiting(host))?.state === 'failed');
    const { stdout } = await runCli(['status', ...host]);
    assert.match(stdout, /Change 1 was not confirmed, and could not be taken back: .*oops/s);
    assert.equal(await applied(host), 'hello');
    writeFileSync(policy, '{ "formatVersion": 1 }');
    await until('taken back', async () => (await applied(host)) === '');
    assert.equal(await waiting(host), null);
  });

  it('is one at a time, and is not saved before it is confirmed', async (t) => {
    const host = await hostFor(t);
    await succeed('apply', demo('hello'), '--confirm', '60', '--yes', ...host);
    const second = await refused('apply', demo('bye'), '--confirm', '60', '--yes', ...host);
    assert.equal(second.code, 'confirm-pending');
    assert.equal((await refused('save', ...host)).code, 'confirm-pending');
    assert.equal(await applied(host), 'hello');
    await succeed('confirm', ...host);
    await succeed('save', ...host);
  });

  it('waits for nothing where the change failed, or there is none to be made', async (t) => {
    const host = await hostFor(t);
    await succeed('apply', demo('hello'), '--yes', ...host);
    const nothing = documentOf(
      await succeed('apply', demo('hello'), '--confirm', '60', '--yes', '--json', ...host),
    );
    assert.equal(nothing['confirm'], undefined);
    await succeed('apply', demo('bye'), '--confirm', '60', '--dry-run', ...host);
    assert.equal(await waiting(host), null);
    // Nobody else may write where it is kept: else the way back could be anybody's.
    mkdirSync(confirmFolder(host));
    chmodSync(confirmFolder(host), 0o777);
    const error = await refused('apply', demo('bye'), '--confirm', '60', '--yes', ...host);
    assert.equal(error.code, 'folder-not-trusted');
    assert.equal(await applied(host), 'hello');
    const { entries } = documentOf(await succeed('history', '--json', ...host)) as unknown as {
      readonly entries: readonly { readonly state: string }[];
    };
    assert.deepEqual(
      entries.map(({ state }) => state),
      ['done', 'taken-back'],
    );
  });

  it('is refused where it would have no effect', async (t) => {
    const host = await hostFor(t);
    const wrong = async (...words: readonly string[]): Promise<CliResult> => {
      const result = await runCli([...words, ...host]);
      assert.equal(result.code, 64, words.join(' '));
      return result;
    };
    for (const seconds of ['0', '-1', '1.5', 'soon', '86401', '1e3']) {
      await wrong('apply', demo('hello'), `--confirm=${seconds}`, '--yes');
    }
    await wrong('apply', demo('hello'), '--confirm', '5', '--no-store', '--yes');
    await wrong('revert', '--confirm', '5', '--yes');
    await wrong('upload', demo('hello'), '--confirm', '5', '--yes');
    await wrong('plan', demo('hello'), '--confirm', '5');
    assert.equal(existsSync(confirmFolder(host)), false);
  });
});
