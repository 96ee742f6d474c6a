import { setTimeout as pause } from 'node:timers/promises';
import {
  EAGER_POLLS,
  type Hypercall,
  type HypercallAnswer,
  type Hypercalls,
  MAX_PAUSE_MS,
} from './hypercalls.js';
import type { HypercallBuffer, XenCall } from './library.js';

/** The hypervisor under this machine. */
export function localHypercalls(library: XenCall): Hypercalls {
  const buffers: HypercallBuffer[] = [];
  let isOpen = true;
  let last: Promise<unknown> = Promise.resolve();

  const memory = (address: bigint, sizeBytes: number): Uint8Array => {
    for (const buffer of buffers) {
      const offset = Number(address - buffer.address);
      if (offset < 0 || offset + sizeBytes > buffer.bytes.length) continue;
      return buffer.bytes.subarray(offset, offset + sizeBytes);
    }
    throw new RangeError(`${sizeBytes} bytes at 0x${address.toString(16)} are in no buffer`);
  };

  /** Nothing of this program runs in between: what others send comes before or after it. */
  const once = ({ hypercall, arguments: args, sends, receives }: Hypercall): HypercallAnswer => {
    for (const { address, sizeBytes } of receives) memory(address, sizeBytes).fill(0);
    for (const { address, bytes } of sends) memory(address, bytes.length).set(bytes);
    const rc = library.call(hypercall, ...args);
    const received = receives.map(
      ({ address, sizeBytes }) => new Uint8Array(memory(address, sizeBytes)),
    );
    return { rc, received };
  };

  const toTheEnd = async (call: Hypercall): Promise<HypercallAnswer> => {
    const { poll } = call;
    const started = performance.now();
    let pauseMs = 1;
    for (let turn = 0; ; turn++) {
      const answer = once(call);
      if (poll === undefined || answer.rc < 0) return answer;
      const bytes = memory(poll.address, 4);
      const value = new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true);
      if (value !== poll.value || performance.now() - started > poll.limitMs) return answer;
      if (turn < EAGER_POLLS) continue;
      await pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
    }
  };

  return {
    call(call) {
      const answer = last.then(() => toTheEnd(call));
      last = answer.catch(() => undefined);
      return answer;
    },
    async allocate(sizeBytes) {
      const buffer = library.allocate(sizeBytes);
      buffers.push(buffer);
      return { address: buffer.address, sizeBytes: buffer.bytes.length };
    },
    async free({ address }) {
      const index = buffers.findIndex((buffer) => buffer.address === address);
      for (const buffer of index < 0 ? [] : buffers.splice(index, 1)) buffer.free();
    },
    async close() {
      if (!isOpen) return;
      isOpen = false;
      for (const buffer of buffers.splice(0)) buffer.free();
      library.close();
    },
  };
}
