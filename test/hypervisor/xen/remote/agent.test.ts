import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { localFolder, withLock } from '../../../../core/files/index.js';
import {
  encodeHypercall,
  encodePath,
  encodeRead,
  encodeWrite,
} from '../../../../core/hypervisor/xen/handle/frames.js';
import {
  type AgentConnection,
  connect,
  openRemoteXen,
} from '../../../../core/hypervisor/xen/index.js';
import { remoteMachine } from '../../../../core/hypervisor/xen/remote-machine.js';
import { temporaryFolder } from '../../../support/cli.js';
import { type FakeDom0, fakeDom0 } from '../../../support/fake-dom0.js';

async function connected(
  t: TestContext,
  prepare?: (root: string) => void,
): Promise<{ readonly dom0: FakeDom0; readonly connection: AgentConnection }> {
  const dom0 = fakeDom0(temporaryFolder(t));
  prepare?.(dom0.root);
  const connection = await connect(dom0.transport);
  t.after(() => connection.close());
  return { dom0, connection };
}

describe('the agent, over an imitation of a hypervisor', () => {
  it('says who it is', async (t) => {
    const { connection } = await connected(t);
    const { interpreter, hostName, errno, memory } = connection.hello;
    assert.match(interpreter, /^python \d\.\d+$/);
    assert.notEqual(hostName, '');
    assert.deepEqual([errno, memory.sizeBytes], [0, 8 << 20]);
  });

  it('keeps notes for its user alone, and believes none that somebody else could have written', async (t) => {
    const { dom0, connection } = await connected(t);
    const machine = remoteMachine(connection);
    const folder = join(dom0.root, 'run', 'xsplice-ts');
    await machine.note('/run/xsplice-ts/a.json', '{}');
    assert.equal(String(await machine.noted('/run/xsplice-ts/a.json')), '{}');
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, 'a.json')).mode & 0o777, 0o600);
    assert.equal(await machine.noted('/run/xsplice-ts/b.json'), null);
    writeFileSync(join(folder, 'open.json'), '{}', { mode: 0o666 });
    chmodSync(join(folder, 'open.json'), 0o666);
    symlinkSync(join(folder, 'a.json'), join(folder, 'link.json'));
    assert.equal(await machine.noted('/run/xsplice-ts/open.json'), null);
    assert.equal(await machine.noted('/run/xsplice-ts/link.json'), null);
    chmodSync(folder, 0o777);
    assert.equal(await machine.noted('/run/xsplice-ts/a.json'), null);
  });

  it('keeps a folder as this machine does', async (t) => {
    const { dom0, connection } = await connected(t);
    const path = '/var/lib/xsplice-ts';
    const there = remoteMachine(connection).kept(path);
    const here = localFolder(join(dom0.root, path));
    const told: unknown[] = [];
    for (const folder of [there, here]) {
      const answers: unknown[] = [
        await folder.read('a/b'),
        await folder.list(''),
        await folder.list('a'),
      ];
      await folder.remove('a/b');
      await folder.write('a/b', 'one');
      await folder.write('a/b', 'two');
      await folder.append('journal', '1\n');
      await folder.append('journal', '2\n');
      answers.push(String(await folder.read('a/b')), String(await folder.read('journal')));
      answers.push(await folder.list(''), await folder.list('a'));
      await folder.write('a/c d', Uint8Array.of(0, 255));
      answers.push([...((await folder.read('a/c d')) ?? [])]);
      answers.push(await folder.exclusive('It', () => folder.list('a')));
      await folder.removeFolder('a');
      await folder.removeFolder('a');
      await folder.remove('journal');
      answers.push(await folder.list(''), await folder.read('a/b'), await folder.obstacle());
      told.push(answers);
    }
    assert.deepEqual(told[0], told[1]);
  });

  it('reads files of any size, in parts', async (t) => {
    const big = Buffer.alloc(9_000_000, 'abcdefg');
    const { connection } = await connected(t, (root) => {
      writeFileSync(join(root, 'boot', 'xen-big'), big);
      mkdirSync(join(root, 'boot', 'xen-folder'));
    });
    const machine = remoteMachine(connection);
    const read = await machine.read('/boot/xen-big');
    assert.ok(read !== null && Buffer.compare(read, big) === 0);
    assert.equal(await machine.read('/boot/xen-big', 1000), null);
    assert.equal(await machine.read('/boot/xen-folder'), null);
    assert.equal(await machine.read('/boot/xen-none'), null);
    assert.deepEqual(await machine.list('/boot'), ['xen-big', 'xen-folder', 'xen-syms-demo']);
    assert.deepEqual(await machine.list('/usr/lib/debug'), []);
  });

  it('its lock and that of this program exclude each other', async (t) => {
    const { dom0, connection } = await connected(t);
    const machine = remoteMachine(connection);
    const there = '/run/xsplice-ts';
    const here = join(dom0.root, there);
    const order: string[] = [];
    let inner: Promise<void> | null = null;
    await machine.exclusive(there, 'It', async () => {
      await assert.rejects(
        withLock(here, { what: 'It', patienceMs: 300 }, async () => undefined),
        {
          code: 'state-locked',
          message: /It is in use by process \d+ since/,
        },
      );
      inner = withLock(here, { what: 'It' }, async () => {
        order.push('here');
      });
      await new Promise((end) => setTimeout(end, 100));
      order.push('there');
    });
    await inner;
    const waiting: Promise<unknown>[] = [];
    await withLock(here, { what: 'It' }, async () => {
      waiting.push(machine.exclusive(there, 'It', async () => order.push('there again')));
      await new Promise((end) => setTimeout(end, 200));
      order.push('here again');
    });
    await Promise.all(waiting);
    assert.deepEqual(order, ['there', 'here', 'here again', 'there again']);
    // It is told that the lock is free, and answers the next question after that.
    await machine.list('/boot');
    const left = readdirSync(here).filter((name) => name.startsWith('lock.'));
    assert.deepEqual(left, []);
  });

  const sysctl = (command: number, more: readonly (readonly [number, number])[] = []) => {
    const bytes = Buffer.alloc(136);
    bytes.writeUInt32LE(command, 0);
    bytes.writeUInt32LE(0x15, 4);
    for (const [at, value] of more) bytes.writeUInt32LE(value, at);
    return bytes;
  };
  const refused: readonly (readonly [string, (at: bigint) => Buffer])[] = [
    ['another hypercall', (at) => call(36, at, sysctl(1))],
    ['another sysctl', (at) => call(35, at, sysctl(2))],
    ['the console, cleared', (at) => call(35, at, sysctl(1, [[8, 1]]))],
    ['another debug key', (at) => call(35, at, sysctl(7, [[16, 2]]))],
    ['memory that is not its own', () => call(35, 0x10n, sysctl(27))],
    ['a file of its own choice', () => encodeRead('/etc/shadow', 0)],
    ['a way out of a folder', () => encodeRead('/boot/xen/../../etc/shadow', 0)],
    ['another folder', () => encodePath('D', '/etc')],
    ['to write anywhere', () => encodeWrite('W', '/etc/passwd', Buffer.from('x'))],
    [
      'to write out of its folder',
      () => encodeWrite('W', '/run/xsplice-ts/../x', Buffer.from('x')),
    ],
    ['something unknown', () => Buffer.from('?')],
    ['half a request', () => Buffer.from('H\x01')],
  ];
  function call(hypercall: number, at: bigint, struct: Uint8Array): Buffer {
    const sends = [{ address: at, bytes: struct }];
    return encodeHypercall({ hypercall, arguments: [at], sends, receives: [] });
  }
  for (const [what, request] of refused) {
    it(`refuses ${what}, and ends`, async (t) => {
      const { connection } = await connected(t);
      const { address } = connection.hello.memory;
      await assert.rejects(connection.request(request(address)), {
        code: 'agent-lost',
        message: /xsplice-agent: /,
      });
    });
  }

  it('goes with its connection, and gives its lock back', async (t) => {
    const { dom0, connection } = await connected(t);
    const { port } = await openRemoteXen(connection);
    const held = port.exclusive(async () => {
      process.kill(connection.processId ?? 0, 'SIGKILL');
      // What was quicker than the signal is answered yet.
      for (let tries = 0; tries < 100; tries++) await port.observe();
    });
    await assert.rejects(held, { code: 'agent-lost' });
    await withLock(join(dom0.root, 'run/xsplice-ts'), { what: 'It' }, async () => undefined);
  });
});
