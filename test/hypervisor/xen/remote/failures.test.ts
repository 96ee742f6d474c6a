import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { processCarrier } from '../../../../core/hypervisor/xen/handle/carrier.js';
import { AgentConnection } from '../../../../core/hypervisor/xen/handle/connection.js';
import { startingLine } from '../../../../core/hypervisor/xen/handle/line.js';
import { agentSource } from '../../../../core/hypervisor/xen/handle/remote.js';
import type { Transport } from '../../../../core/hypervisor/xen/handle/transport.js';
import { failureOf } from '../../../../core/hypervisor/xen/handle/transport-failure.js';
import { connect, openRemoteXen } from '../../../../core/hypervisor/xen/index.js';
import { repositoryRoot } from '../../../support/repository.js';

const SSH: Transport = {
  ...{ kind: 'ssh', spec: 'ssh://h', user: null, host: 'h', port: null, mayAsk: false },
};

/** What OpenSSH's client and sudo print, with the status they end with. */
describe('why a connection failed', () => {
  const table: readonly (readonly [number, string, string, RegExp])[] = [
    [255, 'ssh: connect to host h port 22: Connection refused\r\n', 'ssh-refused', /refused$/],
    [255, 'root@h: Permission denied (publickey,password).\r\n', 'ssh-denied', /Permission denied/],
    [
      255,
      '@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n',
      'ssh-host-key',
      /Host key verification failed/,
    ],
    [
      255,
      'ssh: Could not resolve hostname h: Name or service not known\n',
      'ssh-failed',
      /resolve/,
    ],
    [255, '', 'ssh-failed', /^ssh:\/\/h: ssh failed$/],
    [127, 'sh: 1: exec: ssh: not found\n', 'ssh-missing', /not found/],
    [1, 'sudo: a password is required\n', 'agent-not-root', /a password is required/],
    [1, 'user is not in the sudoers file.\n', 'agent-not-root', /sudoers/],
    [1, "ImportError: No module named 'ctypes'\n", 'no-interpreter', /ctypes/],
    [137, '', 'agent-lost', /ended with 137/],
  ];
  for (const [status, words, code, message] of table) {
    it(`${code}: ${JSON.stringify(words.slice(0, 40))}`, () => {
      const error = failureOf(SSH, status, words);
      assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message);
      assert.notEqual(error.hint, '');
    });
  }

  it('once the agent has answered, it is lost, whatever was said', () => {
    const error = failureOf(SSH, 255, 'Connection to h closed by remote host.\n', true);
    assert.equal(error.code, 'agent-lost');
    assert.match(error.message, /closed by remote host/);
  });
});

const exec = (...words: readonly string[]): Transport => ({
  ...{ kind: 'exec', spec: 'exec:test', words },
});

describe('the real agent where there is no Xen', () => {
  const installed = join(repositoryRoot(), 'core/hypervisor/xen/handle/agent.py');
  const table: readonly (readonly [string, Transport])[] = [
    ['sent along', exec('sh', '-c')],
    ['behind what a login prints', exec('sh', '-c', 'echo Welcome; echo; eval "$1"', 'sh')],
    ['installed for command=', exec('sh', '-c', `exec python3 -SEs ${installed}`, 'sh')],
  ];
  const isRoot = process.geteuid?.() === 0;
  for (const [what, transport] of table) {
    it(`${what}: says that it is no dom0`, { skip: !isRoot && 'it asks sudo' }, async () => {
      const connection = await connect(transport);
      await assert.rejects(openRemoteXen(connection), {
        code: 'xen-not-dom0',
        message: 'exec:test is no dom0: there is no /proc/xen/capabilities',
      });
    });
  }
});

describe('a host that says nothing any more', () => {
  /** Greets as an agent does, and stops: its connection stays. */
  const greeting = `import os,struct,time
body=struct.pack("<iQII",0,1<<40,8<<20,0)+b"python\\0host\\0\\0"
os.write(1,b"XSPLICE-AGENT 2\\n"+struct.pack("<I",len(body))+body)
time.sleep(100)`;

  it('is given up after a while, with all that is asked of it', async () => {
    const carrier = processCarrier(exec('python3', '-c', greeting), '');
    const watch = { everyMs: 50, silenceMs: 300 };
    const connection = await AgentConnection.open(carrier, null, watch);
    const started = performance.now();
    const asked = [connection.request(Buffer.from('N')), connection.request(Buffer.from('N'))];
    for (const answer of asked) {
      await assert.rejects(answer, {
        code: 'agent-lost',
        message: 'exec:test: the connection is lost: it said nothing for 0.3 s',
      });
    }
    assert.ok(performance.now() - started < 20_000);
    await assert.rejects(connection.request(Buffer.from('N')), { code: 'agent-lost' });
  });

  it('is not, as long as it answers', async () => {
    const source = agentSource();
    const carrier = processCarrier(exec('sh', '-c'), startingLine(source.length));
    const connection = await AgentConnection.open(carrier, source, {
      everyMs: 50,
      silenceMs: 5000,
    });
    const before = connection.traffic.receivedBytes;
    await pause(1000);
    assert.ok(connection.traffic.receivedBytes > before);
    await connection.request(Buffer.from('N'));
    await connection.close();
  });
});

describe('what is started instead of an agent', () => {
  const table: readonly (readonly [string, Transport, string])[] = [
    ['nothing', exec('/nowhere/at-all'), 'exec-failed'],
    ['a command that ends', exec('false'), 'exec-failed'],
    ['one that prints for ever', exec('yes', 'y'), 'agent-bad-frame'],
    ['one that never ends its line', exec('sh', '-c', 'tr "\\0" x </dev/zero'), 'agent-bad-frame'],
    ['a host without python', exec('env', 'PATH=/nowhere', '/bin/sh', '-c'), 'no-interpreter'],
    ['another protocol', exec('sh', '-c', 'echo XSPLICE-AGENT 9; cat'), 'agent-version'],
    ['an echo', exec('sh', '-c', 'echo XSPLICE-AGENT 2; cat'), 'agent-bad-frame'],
  ];
  for (const [what, transport, code] of table) {
    it(`${what} is ${code}`, async () => {
      await assert.rejects(connect(transport), { code });
    });
  }
});
