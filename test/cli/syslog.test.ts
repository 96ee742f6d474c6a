import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { demo, embeddedHost, runCli, temporaryFolder } from '../support/cli.js';
import { fakeDom0 } from '../support/fake-dom0.js';

/** What syslogd does: a socket of datagrams, each of which is a line of a file. */
const SERVER = `
import socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(sys.argv[1])
while True:
    with open(sys.argv[2], 'ab') as log:
        log.write(server.recv(65536).replace(b'\\n', b'<LF>') + b'\\n')
`;

interface Syslog {
  /** Finds a \`logger\` that is the system's own, and talks to this socket. */
  readonly env: NodeJS.ProcessEnv;
  lines(count: number): Promise<readonly string[]>;
}

async function syslog(t: TestContext): Promise<Syslog> {
  const folder = temporaryFolder(t);
  const [socket, log, bin] = ['log', 'lines', 'bin'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const server = spawn('python3', ['-c', SERVER, socket, log], { stdio: 'ignore' });
  t.after(() => server.kill());
  while (!existsSync(socket)) await sleep(20);
  mkdirSync(bin);
  const script = `#!/bin/sh\nexec /usr/bin/logger --socket ${socket} "$@"\n`;
  writeFileSync(join(bin, 'logger'), script, { mode: 0o755 });
  return {
    env: { PATH: `${bin}:${process.env['PATH']}`, SUDO_USER: 'ann\n\x1b[31m' },
    async lines(count) {
      const read = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
      const all = () => read().split('\n').slice(0, -1);
      for (let tries = 0; all().length < count && tries < 300; tries++) await sleep(50);
      return all();
    },
  };
}

const hasLogger = existsSync('/usr/bin/logger');

test('each change of a Xen is one line in the system log', { skip: !hasLogger }, async (t) => {
  const { env, lines } = await syslog(t);
  const dom0 = fakeDom0(temporaryFolder(t));
  const host = ['--host', dom0.transport.spec, '--store', join(temporaryFolder(t), 'store')];
  const run = async (...words: readonly string[]) => {
    const result = await runCli([...words, ...host], { env });
    assert.equal(result.code, 0, result.stderr);
  };
  await run('apply', demo('hello'), '--dry-run');
  await run('apply', demo('hello'), '--yes');
  await lines(1);
  await run('apply', demo('hello'), '--yes');
  await run('revert', '--yes');
  const said = await lines(2);
  assert.equal(said.length, 2);
  // daemon.notice; what a foreign text holds is seen, and obeyed by nothing.
  assert.match(
    said[0] ?? '',
    /^<29>.* xsplice-ts: apply hello on exec:.*: done; applied now: hello; change 1; by ann\\x0a\\x1b\[31m \(as .*\)$/,
  );
  assert.match(
    said[1] ?? '',
    / xsplice-ts: revert hello on .*: done; applied now: nothing; loaded: hello; change 2; /,
  );
});

test('who has no logger, or one that hangs, changes a Xen all the same', async (t) => {
  const dom0 = fakeDom0(temporaryFolder(t));
  const bin = temporaryFolder(t);
  writeFileSync(join(bin, 'python3'), '#!/bin/sh\nexec /usr/bin/python3 "$@"\n', { mode: 0o755 });
  const host = ['--host', dom0.transport.spec, '--store', join(temporaryFolder(t), 'store')];
  const env = { PATH: bin };
  assert.equal((await runCli(['apply', demo('hello'), '--yes', ...host], { env })).code, 0);
  writeFileSync(join(bin, 'logger'), '#!/bin/sh\nexec /bin/sleep 20\n', { mode: 0o755 });
  const started = performance.now();
  assert.equal((await runCli(['revert', '--yes', ...host], { env })).code, 0);
  assert.ok(performance.now() - started < 15_000);
  writeFileSync(join(bin, 'logger'), '#!/bin/sh\nexit 7\n', { mode: 0o755 });
  assert.equal((await runCli(['apply', 'hello', '--yes', ...host], { env })).code, 0);
});

test('what is done to an embedded hypervisor is in its journal alone', async (t) => {
  const { env, lines } = await syslog(t);
  const host = await embeddedHost(t);
  assert.equal((await runCli(['apply', demo('hello'), '--yes', ...host], { env })).code, 0);
  await sleep(500);
  assert.deepEqual(await lines(0), []);
});
