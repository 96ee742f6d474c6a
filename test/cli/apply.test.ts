import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { withLock } from '../../core/files/index.js';
import { readPayload } from '../../core/payload/index.js';
import {
  CHAIN,
  CLI,
  cliEnvironment,
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  runCli,
  startCli,
  succeed,
  TIMEOUT_MS,
  temporaryFolder,
} from '../support/cli.js';

interface Row {
  readonly name: string;
  readonly state: string;
  readonly position: number | null;
  readonly needsUpload: boolean;
}

type Host = readonly [string, string];

async function listed(host: Host): Promise<readonly Row[]> {
  const result = await runCli(['list', ...host, '--json']);
  assert.equal(result.code, 0, result.stderr);
  return documentOf(result)['payloads'] as readonly Row[];
}

/** Names from the base up. */
async function stack(host: Host): Promise<readonly string[]> {
  return (await listed(host))
    .filter(({ state }) => state === 'APPLIED')
    .sort((a, b) => (a.position ?? 0) - (b.position ?? 0))
    .map(({ name }) => name);
}

const NAMES = ['chain-01', 'chain-02', 'chain-03', 'chain-04', 'chain-05'];
const shuffled = [2, 0, 4, 1, 3].flatMap((index) => CHAIN[index] ?? []);

test('init says what it made, and asks before it replaces one', async (t) => {
  const folder = join(temporaryFolder(t), 'new', 'host');
  const host = ['--host', `embedded:${folder}`];
  const words = ['init', '--image', DEMO_IMAGE, ...host];
  const made = await runCli(words);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /Created embedded:.*host · Xen 4\.17\.7-demo, build-id [0-9a-f]{12}/);
  assert.equal((await runCli(words)).code, 64);
  assert.equal((await runCli([...words, '--yes'])).code, 0);
  assert.equal((await runCli(['init', '--image', DEMO_IMAGE, '--host', 'xen'])).code, 64);
  assert.equal((await runCli(['init', '--image', demo('hello'), ...host])).code, 1);
});

test('a chain is applied in one go, listed, reverted in parts and to the base', async (t) => {
  const host = await embeddedHost(t);
  const applied = await succeed('apply', ...shuffled, ...host, '--yes');
  assert.match(applied.stdout, /Verdict {2}Xen 4\.17\.7-demo will accept each/);
  assert.match(applied.stdout, /Done: 10 steps in .* ms\. Applied now: chain-01, .*chain-05/);
  assert.deepEqual(await stack(host), NAMES);

  const again = await succeed('apply', ...shuffled, ...host);
  assert.match(again.stdout, /There is nothing to do/);

  const table = (await succeed('list', ...host)).stdout.split('\n');
  assert.match(table[0] ?? '', /^Host +embedded:/);
  assert.match(table[2] ?? '', /^5 +chain-05 +APPLIED +[0-9a-f]{12} +chain-04 +xen_extra_version/);
  assert.match(table[7] ?? '', /^0 +the hypervisor +Xen 4\.17\.7-demo +[0-9a-f]{12}/);
  assert.match((await succeed('list', ...host, '--verbose')).stdout, /[0-9a-f]{40}/);

  await succeed('revert', ...host, '--yes');
  assert.deepEqual(await stack(host), NAMES.slice(0, 4));
  await succeed('revert', '--to', 'chain-02', ...host, '--yes');
  assert.deepEqual(await stack(host), NAMES.slice(0, 2));
  await succeed('apply', 'chain-03', ...host, '--yes');
  assert.deepEqual(await stack(host), NAMES.slice(0, 3));
  await succeed('revert', '--to', 'base', ...host, '--yes');
  assert.deepEqual(await stack(host), []);
  assert.match((await succeed('revert', ...host)).stdout, /nothing to do/);
  await succeed('unload', ...NAMES, ...host, '--yes');
  assert.deepEqual(await listed(host), []);
});

test('list --json has the fields of the contract', async (t) => {
  const host = await embeddedHost(t);
  await succeed('load', demo('hello'), ...host, '--yes');
  const document = documentOf(await succeed('list', ...host, '--json'));
  assert.equal(document['formatVersion'], 1);
  assert.equal(document['host'], host[1]);
  const { buildId, version } = document['hypervisor'] as Record<string, unknown>;
  assert.match(String(buildId), /^[0-9a-f]{40}$/);
  assert.equal(version, '4.17.7-demo');
  const own = readPayload(readFileSync(demo('hello')), 'hello').buildId;
  assert.deepEqual(document['payloads'], [
    {
      name: 'hello',
      state: 'APPLIED',
      rc: 0,
      buildId: own.status === 'present' ? own.id : null,
      depends: buildId,
      position: 1,
      functions: ['xen_extra_version'],
      metadata: [],
      reverted: false,
      needsUpload: false,
    },
  ]);
});

test('number two alone is refused with both ids and what is needed first', async (t) => {
  const host = await embeddedHost(t);
  const { code, stderr } = await runCli(['apply', demo('chain-02'), ...host, '--yes']);
  assert.equal(code, 1);
  assert.match(stderr, /chain-02\.livepatch builds on [0-9a-f]{40}, .* \([0-9a-f]{40}\)/);
  assert.match(stderr, /Apply the payload with the build-id [0-9a-f]{40} first/);
  assert.deepEqual(await listed(host), []);
});

test('what Xen would refuse is not tried: its reason, its errno, the fix, and nothing changed', async (t) => {
  const host = await embeddedHost(t);
  const human = await runCli(['apply', demo('expect-wrong'), ...host, '--yes']);
  assert.equal(human.code, 1);
  assert.match(human.stderr, /EINVAL and prints "expect-wrong: expectations of xen_extra_version/);
  assert.match(human.stderr, /Nothing was changed/);
  const json = await runCli(['apply', demo('unknown-import'), ...host, '--yes', '--json']);
  assert.equal(json.code, 1);
  const document = documentOf(json);
  assert.equal(document['ok'], false);
  assert.equal(document['executed'], false);
  const error = document['error'] as Record<string, unknown>;
  assert.equal(error['code'], 'would-be-refused');
  const { predictions } = document['verification'] as { predictions: Record<string, unknown>[] };
  assert.deepEqual(
    predictions.map(({ action, outcome, errno }) => [action, outcome, errno]),
    [
      ['upload', 'refused', 2],
      ['apply', 'not-reached', null],
    ],
  );
  assert.deepEqual(await listed(host), []);
});

test('plan and --dry-run show and verify, and change nothing', async (t) => {
  const host = await embeddedHost(t);
  const plan = await succeed('plan', ...shuffled, ...host);
  assert.match(plan.stdout, /1 {2}upload, apply {2}chain-01 {2}builds on the hypervisor/);
  assert.match(plan.stdout, /5 {2}upload, apply {2}chain-05 {2}builds on chain-04/);
  assert.ok(plan.stdout.trim().split('\n').length <= 12, plan.stdout);
  assert.equal((await succeed('apply', ...shuffled, ...host, '--dry-run')).stdout, plan.stdout);
  const document = documentOf(await succeed('plan', ...shuffled, ...host, '--json'));
  assert.equal(document['ok'], true);
  assert.equal(document['executed'], false);
  assert.equal((document['plan'] as { steps: unknown[] }).steps.length, 10);
  assert.deepEqual(await listed(host), []);
  await succeed('apply', demo('chain-01'), ...host, '--yes');
  assert.match(
    (await succeed('plan', 'revert', '--to', 'base', ...host)).stdout,
    /revert {2}chain-01/,
  );
  assert.match(
    (await succeed('plan', 'replace', demo('replace'), ...host)).stdout,
    /upload, replace/,
  );
  assert.deepEqual(await stack(host), ['chain-01']);
});

test('replace leaves one applied, and says that the others stay loaded', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', ...CHAIN, ...host, '--yes');
  const { stdout } = await succeed('replace', demo('replace'), ...host, '--yes');
  assert.match(stdout, /Reverted but still loaded afterwards: chain-01/);
  assert.deepEqual(await stack(host), ['replace']);
  assert.equal((await listed(host)).length, 6);
});

test('upload loads without applying; load does both', async (t) => {
  const host = await embeddedHost(t);
  await succeed('upload', demo('hello'), ...host, '--yes');
  assert.deepEqual(
    (await listed(host)).map(({ name, state }) => [name, state]),
    [['hello', 'CHECKED']],
  );
  await succeed('load', demo('hello'), ...host, '--yes');
  assert.deepEqual(await stack(host), ['hello']);
  assert.equal((await runCli(['unload', 'hello', ...host, '--yes'])).code, 1);
  assert.equal((await runCli(['load', ...CHAIN, ...host, '--yes'])).code, 64);
});

test('a reverted payload with data of its own is marked, refused by name, and uploaded anew', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('data'), ...host, '--yes');
  await succeed('revert', ...host, '--yes');
  assert.deepEqual(
    (await listed(host)).map(({ needsUpload }) => needsUpload),
    [true],
  );
  assert.match((await succeed('list', ...host)).stdout, /CHECKED, reverted: needs upload/);
  const refused = await runCli(['apply', 'data', ...host, '--yes']);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /can't revert as payload has \.data/);
  const { stdout } = await succeed('apply', demo('data'), ...host, '--yes');
  assert.match(stdout, /unload, upload, apply/);
  assert.deepEqual(await stack(host), ['data']);
});

test('without a terminal a change needs --yes; nothing to do needs none', async (t) => {
  const host = await embeddedHost(t);
  const { code, stdout, stderr } = await runCli(['apply', demo('hello'), ...host]);
  assert.equal(code, 64);
  assert.match(stdout, /Verdict/);
  assert.match(stderr, /Add --yes to do it, or --dry-run/);
  assert.deepEqual(await listed(host), []);
});

const hasScript = spawnSync('script', ['--version']).status === 0;
for (const [answer, code, expected] of [
  ['n', 1, []],
  ['', 1, []],
  ['\u0003', 1, []],
  ['\u0004', 1, []],
  ['y', 0, ['hello']],
] as const) {
  test(`on a terminal the answer ${JSON.stringify(answer)} counts`, {
    skip: hasScript ? false : 'no script(1)',
  }, async (t) => {
    const host = await embeddedHost(t);
    const words = [process.execPath, CLI, 'apply', demo('hello'), ...host];
    const command = words.map((word) => `'${word}'`).join(' ');
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      timeout: TIMEOUT_MS,
      env: cliEnvironment(),
    });
    let stdout = '';
    let asked = false;
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8');
      // Typed before the question, Ctrl-C would be the terminal's, not the prompt's.
      if (asked || !/Do this\? \[y\/N\]/.test(stdout)) return;
      asked = true;
      child.stdin.end(`${answer}\n`);
    });
    const [status] = await once(child, 'close');
    assert.ok(asked, stdout);
    assert.equal(status, code, stdout);
    assert.deepEqual(await stack(host), expected);
  });
}

test('the host comes from --host or XSPLICE_HOST, is always told, and never the simulator by accident (A6)', async (t) => {
  const env = { XDG_STATE_HOME: temporaryFolder(t) };
  for (const words of [
    ['init', '--image', DEMO_IMAGE],
    ['list'],
    ['apply', demo('hello'), '--yes', '--quiet'],
    ['which', 'xen_extra_version'],
  ]) {
    const { code, stderr } = await runCli(words, { env });
    assert.equal(code, 64, words.join(' '));
    assert.match(stderr, /mount -t xenfs.*--host embedded:DIR/);
  }
  const other = (await embeddedHost(t))[1];
  const byVariable = await runCli(['list', '--json'], { env: { ...env, XSPLICE_HOST: other } });
  assert.equal(documentOf(byVariable)['host'], other);
  for (const words of [['list'], ['status'], ['which', 'xen_extra_version'], ['history']]) {
    const { stdout } = await runCli([...words, '--host', other, '--quiet']);
    assert.ok(stdout.split('\n')[0]?.includes(other), `${words[0]} --quiet: ${stdout}`);
  }
  assert.equal((await runCli(['list', '--host', 'somewhere'])).code, 64);
  assert.equal((await runCli(['list', '--host', 'embedded:'])).code, 64);
});

test('a state that cannot be used is an error that says why', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const below = ['--host', `embedded:${join(file, 'below')}`];
  const init = await runCli(['init', '--image', DEMO_IMAGE, ...below]);
  assert.equal(init.code, 1);
  assert.match(init.stderr, /cannot be written to: ENOTDIR/);
  const list = await runCli(['list', ...below]);
  assert.equal(list.code, 1);
  assert.match(list.stderr, /cannot be read: ENOTDIR/);

  const host = await embeddedHost(t);
  const path = join(host[1].replace('embedded:', ''), 'hypervisor.json');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(/"formatVersion":\d+/, '"formatVersion":99'));
  const newer = await runCli(['list', ...host, '--json']);
  assert.equal(newer.code, 1);
  const error = documentOf(newer)['error'] as Record<string, unknown>;
  assert.equal(error['code'], 'state-too-new');
  assert.match(newer.stderr, /format 99/);
  assert.equal(
    readFileSync(path, 'utf8'),
    text.replace(/"formatVersion":\d+/, '"formatVersion":99'),
  );
});

test('a hypervisor in use is busy: exit code 2', async (t) => {
  const host = await embeddedHost(t);
  const directory = host[1].replace('embedded:', '');
  const before = await runCli(['list', ...host, '--json']);
  // The test itself has it, and does not end.
  const { code, stderr } = await withLock(directory, { what: 'the test' }, async () => {
    const list = await runCli(['list', ...host, '--json']);
    assert.equal(list.stdout, before.stdout, 'to read needs no lock');
    return runCli(['apply', demo('hello'), ...host, '--yes']);
  });
  assert.equal(code, 2, stderr);
  const who = `${host[1]} is in use by process ${process.pid} since \\d{4}-\\d\\d-\\d\\d`;
  assert.match(stderr, new RegExp(who));
  assert.equal((await runCli(['apply', demo('hello'), ...host, '--yes'])).code, 0);
});

test('an interrupt is heard between two steps, and what was done is taken back (R13, A2)', async (t) => {
  const host = await embeddedHost(t);
  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGHUP', 129],
    ['SIGTERM', 143],
  ] as const) {
    // Again and again, until the end: the taking back must not be stopped either.
    const preload = `process.on('newListener', (name) => {
      if (name !== '${signal}') return;
      const timer = setInterval(() => {
        if (process.listenerCount('${signal}') > 0) process.kill(process.pid, '${signal}');
        else clearInterval(timer);
      }, 1);
    })`;
    const { code, stdout, stderr } = startCli(['apply', ...CHAIN, ...host, '--yes'], {
      nodeArguments: ['--import', `data:text/javascript,${encodeURIComponent(preload)}`],
    });
    assert.equal(code, expected, stdout + stderr);
    assert.match(stderr, /Interrupted: what was done is taken back, the host is as it was/);
    assert.deepEqual(await listed(host), []);
  }
  const kept = await runCli(['apply', ...CHAIN, ...host, '--yes', '--keep-going'], {
    onSignal: (listener) => {
      listener('SIGHUP');
      return () => undefined;
    },
  });
  assert.equal(kept.code, 1, 'not taken back: what was done stays');
});
