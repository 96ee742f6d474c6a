import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Hypercall } from '../../../core/hypervisor/xen/handle/hypercalls.js';
import type { XenCall } from '../../../core/hypervisor/xen/handle/library.js';
import { localHypercalls } from '../../../core/hypervisor/xen/handle/local.js';

const AT = 0x1000n;

/** One buffer at AT, and a hypercall that is told how often it was made. */
function library(call: (memory: Buffer, turn: number) => number): XenCall {
  const memory = Buffer.alloc(4096);
  let turn = 0;
  return {
    call: () => call(memory, turn++),
    allocate: () => ({ address: AT, bytes: memory, free: () => undefined }),
    close: () => undefined,
  };
}

const CALL: Hypercall = { hypercall: 35, arguments: [AT], sends: [], receives: [] };

describe('hypercalls on this machine', () => {
  it('a poll repeats while the value is there, and what is asked for later waits for it', async () => {
    const order: string[] = [];
    const calls = localHypercalls(
      library((memory, turn) => {
        order.push(`${turn}: ${memory.toString('latin1', 8, 9)}`);
        memory.writeInt32LE(turn < 6 ? -11 : 0, 0);
        return turn;
      }),
    );
    await calls.allocate(4096);
    const named = (name: string): Hypercall => ({
      ...CALL,
      sends: [{ address: AT + 8n, bytes: Buffer.from(name) }],
    });
    const poll = { address: AT, value: -11, limitMs: 10_000 };
    const [first, second] = await Promise.all([
      calls.call({ ...named('a'), poll }),
      calls.call(named('b')),
    ]);
    assert.deepEqual([first.rc, second.rc], [6, 7]);
    assert.deepEqual(order, [...Array.from({ length: 7 }, (_, turn) => `${turn}: a`), '7: b']);
  });

  it('a poll ends with an errno, and when its time is over', async () => {
    const failing = localHypercalls(library((_, turn) => (turn < 2 ? 0 : -16)));
    await failing.allocate(4096);
    const poll = { address: AT, value: 0, limitMs: 10_000 };
    assert.equal((await failing.call({ ...CALL, poll })).rc, -16);
    const endless = localHypercalls(library((_, turn) => turn));
    await endless.allocate(4096);
    assert.ok((await endless.call({ ...CALL, poll: { ...poll, limitMs: 20 } })).rc > 3);
  });

  it('what is received is a copy, and zero where neither Xen nor anybody wrote', async () => {
    const calls = localHypercalls(
      library((memory, turn) => {
        memory[turn] = 7;
        return 0;
      }),
    );
    await calls.allocate(4096);
    const receives = [{ address: AT, sizeBytes: 4 }];
    const { received: first } = await calls.call({ ...CALL, receives });
    await calls.call({ ...CALL, sends: [{ address: AT, bytes: Buffer.from([1, 2, 3, 4]) }] });
    const { received: third } = await calls.call({ ...CALL, receives });
    assert.deepEqual([first, third], [[Uint8Array.of(7, 0, 0, 0)], [Uint8Array.of(0, 0, 7, 0)]]);
  });

  it('a failed call does not fail the next one; an address outside is an error', async () => {
    const calls = localHypercalls(library(() => 0));
    await calls.allocate(4096);
    const outside = { ...CALL, receives: [{ address: AT + 4090n, sizeBytes: 8 }] };
    const [bad, good] = await Promise.allSettled([calls.call(outside), calls.call(CALL)]);
    assert.deepEqual([bad.status, good.status], ['rejected', 'fulfilled']);
  });
});
