import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { change } from '../../../../core/change/index.js';
import { withLock } from '../../../../core/files/index.js';
import { XspliceError } from '../../../../core/findings/index.js';
import { remoteHost } from '../../../../core/host/running-xen.js';
import {
  encodeBeginWill,
  encodeDropWill,
  encodeHypercall,
  encodePath,
  encodeStay,
  encodeWillChange,
  encodeWrite,
  readErrno,
  type WillStep,
} from '../../../../core/hypervisor/xen/handle/frames.js';
import {
  type AgentConnection,
  connect,
  openRemoteXen,
} from '../../../../core/hypervisor/xen/index.js';
import { parseWillRecord, WILL_RECORD } from '../../../../core/hypervisor/xen/will-record.js';
import { inputFile, readPayloadInputs } from '../../../../core/payload/index.js';
import { temporaryFolder } from '../../../support/cli.js';
import { type FakeDom0, fakeDom0 } from '../../../support/fake-dom0.js';
import { longChain } from '../../../support/hostile-payloads.js';

const THREE = readPayloadInputs(
  longChain(3, 1).map((bytes, index) => inputFile(`p${index}.livepatch`, bytes)),
);
const NAMES = THREE.map(({ planned }) => planned.name);
const OPTIONS = { timeoutNs: 0, nodeps: false };
const CHANGES = '/run/xsplice-ts';
const WAITS = '/run/xsplice-ts/confirm/waiting.json';

/** Interpreters that there are here; a rig's dom0 has the older one always (npm run test:remote -- --python 2.7). */
const INTERPRETERS = ['python3', 'python2.7'].filter(
  (program) => spawnSync(program, ['-c', 'import ctypes']).status === 0,
);

function killed(connection: AgentConnection): void {
  process.kill(connection.processId ?? 0, 'SIGKILL');
}

/** Once nobody is at it any more. */
async function afterwards(dom0: FakeDom0): Promise<readonly string[]> {
  const folder = join(dom0.root, 'run/xsplice-ts');
  if (existsSync(folder)) await withLock(folder, { what: 'It' }, async () => undefined);
  return existsSync(join(dom0.root, '..', 'xen.json')) ? dom0.payloads() : [];
}

function recordOf({ root }: FakeDom0): string {
  const path = join(root, WILL_RECORD);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** A change in the middle: three are uploaded, two of them applied, under the lock. */
async function inTheMiddle(
  t: TestContext,
  then: (connection: AgentConnection, dom0: FakeDom0) => Promise<void>,
  { interpreter = 'python3', silenceMs = 0 } = {},
): Promise<FakeDom0> {
  const dom0 = fakeDom0(temporaryFolder(t), interpreter);
  const connection = await connect(dom0.transport);
  const { port } = await openRemoteXen(connection);
  const doing = port.exclusive(async () => {
    await Promise.all([port.lastWill?.begin('apply', silenceMs), port.observe()]);
    for (const { input, planned } of THREE) await port.upload(planned.name, input.bytes);
    for (const name of NAMES.slice(0, 2)) await port.act(name, 'APPLY', OPTIONS);
    await then(connection, dom0);
    await port.observe();
  });
  await doing.catch((error: unknown) => assert.ok(error instanceof XspliceError, `${error}`));
  await port.close();
  return dom0;
}

for (const interpreter of INTERPRETERS) {
  describe(`the last will of an agent, ${interpreter}`, () => {
    it('a connection that breaks at any request leaves all or nothing, and no wrong report', async (t) => {
      const told = new Map<string, number>();
      // At every request on real Xens: npm run test:remote.
      for (let requests = 1, isWhole = false; !isWhole; requests += 3) {
        const dom0 = fakeDom0(temporaryFolder(t), interpreter);
        const connection = await connect(dom0.transport);
        let isBroken = false;
        const watch = setInterval(() => {
          if (isBroken || connection.traffic.requests < requests) return;
          isBroken = true;
          killed(connection);
        }, 0);
        let word = 'nothing done';
        try {
          const host = await remoteHost(connection, {});
          const report = await change(
            host,
            { verb: 'apply', payloads: THREE },
            { confirm: async () => true },
          );
          word = report.execution?.outcome ?? word;
          if (word === 'unknown') assert.match(report.failure?.message ?? '', /take back what was/);
        } catch (error) {
          assert.ok(error instanceof XspliceError);
          word = error.code;
        }
        clearInterval(watch);
        isWhole = !isBroken;
        await connection.close();
        const found = await afterwards(dom0);
        const all = NAMES.map((name) => `${name}*`);
        const wanted: readonly (readonly string[])[] =
          word === 'done' ? [all] : word === 'unknown' ? [[], all] : [[]];
        assert.ok(
          wanted.some((one) => one.join() === found.join()),
          `after ${requests} requests: ${word}, and there is ${found.join() || 'nothing'}\n${recordOf(dom0)}`,
        );
        told.set(word, (told.get(word) ?? 0) + 1);
      }
      t.diagnostic([...told].map(([word, count]) => `${word} ${count}`).join(', '));
      assert.ok((told.get('unknown') ?? 0) > 2);
    });

    it('is written down, and the next connection says so until the next change', async (t) => {
      const dom0 = await inTheMiddle(t, async (connection) => killed(connection), { interpreter });
      assert.deepEqual(await afterwards(dom0), []);
      const host = await remoteHost(await connect(dom0.transport), {});
      const finding = (await host.tookBack())?.finding;
      assert.equal(finding?.code, 'change-taken-back');
      assert.match(finding.message, /^A change \(apply, .*\) was cut off: the process in front/);
      assert.match(finding.message, /took back what it had done$/);
      await host.port.lastWill?.begin('apply');
      assert.equal(await host.tookBack(), null);
      await host.port.close();
    });

    it('is done after silence too', async (t) => {
      const dom0 = await inTheMiddle(t, () => pause(3000), { interpreter, silenceMs: 500 });
      assert.deepEqual(await afterwards(dom0), []);
      assert.equal(parseWillRecord(recordOf(dom0))?.why, 'nothing was heard for 0.5 s');
    });

    it('is dropped by who ends in order, in the middle too', async (t) => {
      const dom0 = await inTheMiddle(t, (connection) => connection.close(), { interpreter });
      assert.deepEqual(await afterwards(dom0), [`${NAMES[0]}*`, `${NAMES[1]}*`, NAMES[2]]);
      assert.equal(recordOf(dom0), '');
    });

    it('takes nothing back where somebody else was at the list', async (t) => {
      const dom0 = await inTheMiddle(
        t,
        async (connection, { transport }) => {
          const { port } = await openRemoteXen(await connect(transport));
          await port.upload('stranger', Buffer.from(THREE[0]?.input.bytes ?? []));
          await port.close();
          killed(connection);
        },
        { interpreter },
      );
      assert.equal((await afterwards(dom0)).length, 4);
      const record = parseWillRecord(recordOf(dom0));
      assert.deepEqual(
        [record?.end, record?.last],
        ['stopped', 'the list of payloads: 0, not as foreseen'],
      );
    });

    it('stops at what is not as it was left', async (t) => {
      const dom0 = await inTheMiddle(
        t,
        async (connection, { transport }) => {
          const { port } = await openRemoteXen(await connect(transport));
          await port.act(NAMES[2] ?? '', 'APPLY', OPTIONS);
          await port.close();
          killed(connection);
        },
        { interpreter },
      );
      // The imitation reverts in any order; what is applied and not by this change is not unloaded.
      assert.deepEqual(await afterwards(dom0), [NAMES[0], NAMES[1], `${NAMES[2]}*`]);
      assert.equal(parseWillRecord(recordOf(dom0))?.end, 'stopped');
    });

    it('what stays alone is done when time is over, or not if its file is gone', async (t) => {
      for (const isConfirmed of [false, true]) {
        const dom0 = await inTheMiddle(
          t,
          async (connection) => {
            await connection.request(encodeWrite('W', WAITS, Buffer.from('{}')));
            const asked = encodeStay(WAITS, CHANGES, 8000);
            assert.equal(readErrno(await connection.request(asked)).errno, 0);
            await connection.close();
          },
          { interpreter },
        );
        const connection = await connect(dom0.transport);
        const second = await connection.request(encodeBeginWill(WILL_RECORD, '{}'));
        assert.equal(readErrno(second).errno, 0);
        const other = await connection.request(encodeStay(WAITS, CHANGES, 1));
        assert.equal(readErrno(other).errno, 17, 'EEXIST: one stays already');
        if (isConfirmed) {
          assert.equal(readErrno(await connection.request(encodePath('X', WAITS))).errno, 0);
        }
        for (let waited = 0; existsSync(join(dom0.root, WAITS)); waited += 100) {
          assert.ok(waited < 30_000);
          await pause(100);
        }
        const late = readErrno(await connection.request(encodePath('X', WAITS)));
        assert.equal(late.errno, 2);
        await connection.close();
        const left = await afterwards(dom0);
        assert.equal(left.length, isConfirmed ? 3 : 0);
        const why = parseWillRecord(recordOf(dom0))?.why;
        assert.equal(why, isConfirmed ? undefined : 'time is over');
      }
    });

    it('who stays alone does not keep the other end waiting, and is seen to be gone when it is killed', async (t) => {
      const dom0 = await inTheMiddle(
        t,
        async (connection) => {
          await connection.request(encodeWrite('W', WAITS, Buffer.from('{}')));
          await connection.request(encodeStay(WAITS, CHANGES, 60_000));
          const started = performance.now();
          await connection.close();
          assert.ok(performance.now() - started < 4000);
        },
        { interpreter },
      );
      const folder = join(dom0.root, 'run/xsplice-ts/confirm');
      const busy = withLock(folder, { what: 'It', patienceMs: 200 }, async () => undefined);
      const number = await busy.then(
        () => assert.fail('nobody stays'),
        (error: Error) => /process (\d+)/.exec(error.message)?.[1],
      );
      process.kill(Number(number), 'SIGKILL');
      await withLock(folder, { what: 'It' }, async () => undefined);
      assert.equal((await afterwards(dom0)).length, 3);
    });
  });
}

describe('a last will that makes no sense', () => {
  const step = (struct: Uint8Array, at: bigint, more: Partial<WillStep> = {}): WillStep => ({
    ...{ words: 'x', most: 1, pauseMs: 0 },
    call: {
      ...{ hypercall: 35, arguments: [at], sends: [{ address: at, bytes: struct }], receives: [] },
    },
    answers: [{ rc: 0, isOrMore: true, next: 1 }],
    ...more,
  });
  const sysctl = (command: number) => {
    const bytes = Buffer.alloc(136);
    bytes.writeUInt32LE(command, 0);
    bytes.writeUInt32LE(0x15, 4);
    return bytes;
  };

  /** Leaves this part behind a hypercall that is done, and breaks the connection. */
  async function leave(t: TestContext, part: (at: bigint) => readonly WillStep[]): Promise<string> {
    const dom0 = fakeDom0(temporaryFolder(t));
    const connection = await connect(dom0.transport);
    const { address } = connection.hello.memory;
    await connection.request(encodeBeginWill(WILL_RECORD, 'a note'));
    connection.post(encodeWillChange(0, { head: [], part: part(address) }));
    await connection.request(encodeHypercall(step(sysctl(3), address).call));
    await connection.request(encodePath('D', '/run/xsplice-ts'));
    // Not closed yet: that would be an end in order, where it is quicker than the signal.
    killed(connection);
    t.after(() => connection.close());
    for (let waited = 0; !/ ends: /.test(recordOf(dom0)) && waited < 20_000; waited += 50) {
      await pause(50);
    }
    return recordOf(dom0);
  }

  it('does nothing that is not allowed', async (t) => {
    const record = await leave(t, (at) => [step(sysctl(2), at)]);
    assert.match(record, /ends: failed, sysctl 2 is not allowed/);
  });

  it('reads no memory that is not its own', async (t) => {
    const holds = { address: 16n, bytes: Buffer.alloc(4) };
    const answers = [{ rc: 0, holds, next: 1 }];
    assert.match(
      await leave(t, (at) => [step(sysctl(3), at, { answers })]),
      /ends: failed, no memory there/,
    );
  });

  it('does not go on for ever', async (t) => {
    const answers = [{ rc: 0, next: 0 }];
    const record = await leave(t, (at) => [step(sysctl(3), at, { answers, most: 0xffff_ffff })]);
    assert.match(record, /x: no more tries\n.* ends: stopped\n$/);
    assert.ok(record.split('\n').length < 110);
  });

  it('writes no more than its bound, nor what a terminal obeys', async (t) => {
    const words = `\x1b[2J${'y'.repeat(3000)}`;
    const answers = [{ rc: 0, next: 0 }];
    const record = await leave(t, (at) => [step(sysctl(3), at, { words, answers, most: 90 })]);
    assert.ok(record.length <= 65_536, `${record.length}`);
    assert.ok(!record.includes('\x1b'));
  });

  const ends: readonly (readonly [string, Buffer])[] = [
    [
      'one that is too large',
      encodeWillChange(0, { head: [], part: [step(Buffer.alloc(1 << 20), 0n)] }),
    ],
    ['half of one', encodeWillChange(0, { head: [], part: [step(sysctl(3), 0n)] }).subarray(0, 60)],
    ['one that is written anywhere', encodeBeginWill('/etc/passwd', '')],
    ['one that stays anywhere', encodeStay(WAITS, '/tmp', 1)],
  ];
  for (const [what, request] of ends) {
    it(`${what} is refused, and ends the connection`, async (t) => {
      const connection = await connect(fakeDom0(temporaryFolder(t)).transport);
      await connection.request(encodeBeginWill(WILL_RECORD, ''));
      connection.post(request);
      await assert.rejects(connection.request(encodeDropWill()), {
        code: 'agent-lost',
        message: /xsplice-agent: /,
      });
    });
  }

  it('any bytes: the agent answers, or ends', { timeout: 120_000 }, async (t) => {
    const kinds = fc.constantFrom('V', 'L', 'C', 'S');
    const body = fc.tuple(kinds, fc.uint8Array({ maxLength: 120 }));
    await fc.assert(
      fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 6 }), async (bodies) => {
        const dom0 = fakeDom0(temporaryFolder(t));
        const connection = await connect(dom0.transport);
        await connection.request(encodeBeginWill(WILL_RECORD, ''));
        for (const [kind, bytes] of bodies) {
          connection.post(Buffer.concat([Buffer.from(kind), bytes]));
        }
        const { address } = connection.hello.memory;
        const call = encodeHypercall(step(sysctl(3), address).call);
        await connection.request(call).catch((error: unknown) => {
          assert.ok(error instanceof XspliceError, `${error}`);
        });
        await connection.close();
      }),
      { numRuns: 25 },
    );
  });
});

describe('what an agent wrote', () => {
  it('is read, whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const record = parseWillRecord(text);
        assert.ok(record === null || typeof record.last === 'string');
      }),
    );
    const begun =
      '{"verb":"apply","since":"s"}\n2026-01-02T03:04:05Z begins: the connection ended\n';
    assert.deepEqual(parseWillRecord(begun), {
      ...{ verb: 'apply', since: 's', why: 'the connection ended', at: '2026-01-02T03:04:05Z' },
      ...{ end: 'going on', last: 'nothing' },
    });
    const ended = `${begun}2026-01-02T03:04:06Z revert of a: 0\n2026-01-02T03:04:07Z ends: done\n`;
    assert.deepEqual(parseWillRecord(ended)?.end, 'done');
    assert.deepEqual(parseWillRecord(ended)?.last, 'revert of a: 0');
    const long = `{"verb":"${'v'.repeat(9999)}"}\n2026-01-02T03:04:05Z begins: ${'w'.repeat(9999)}\n`;
    assert.ok(JSON.stringify(parseWillRecord(long)).length < 1000);
    for (let cut = 0; cut < ended.length; cut++) parseWillRecord(ended.slice(0, cut));
  });
});
