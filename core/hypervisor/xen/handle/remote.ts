import { readFileSync } from 'node:fs';
import { errnoName } from '../../../abi/errno.js';
import type { GuestBytes } from '../../../abi/sysctl.js';
import { XspliceError } from '../../../findings/index.js';
import { type Carrier, processCarrier } from './carrier.js';
import { AgentConnection } from './connection.js';
import { encodeAllocate, encodeHypercall, readAllocate, readHypercall } from './frames.js';
import type { Hypercalls } from './hypercalls.js';
import { startingLine } from './line.js';
import type { Transport } from './transport.js';

/** The source of the agent, as it is sent along. */
export function agentSource(): Buffer {
  return readFileSync(new URL('./agent.py', import.meta.url));
}

/** Connects to a host and starts the agent there. Fails as {@link AgentConnection.open} does. */
export function connect(transport: Transport): Promise<AgentConnection> {
  const source = agentSource();
  return AgentConnection.open(processCarrier(transport, startingLine(source.length)), source);
}

/** Connects to an agent that runs already. Fails as {@link AgentConnection.open} does, and as the carrier says. */
export function connectOver(carrier: Carrier): Promise<AgentConnection> {
  return AgentConnection.open(carrier, null);
}

/** The hypervisor under another machine. */
export function remoteHypercalls(connection: AgentConnection): Hypercalls {
  // What the agent has from the start is given out piece by piece: that takes no way there and back.
  let { address, sizeBytes: left } = connection.hello.memory;
  return {
    async call(call) {
      if (call.will !== undefined) connection.post(call.will);
      return readHypercall(await connection.request(encodeHypercall(call)), call);
    },
    async allocate(sizeBytes): Promise<GuestBytes> {
      if (sizeBytes <= left) {
        const given = { address, sizeBytes };
        address += BigInt(sizeBytes);
        left -= sizeBytes;
        return given;
      }
      const answer = readAllocate(await connection.request(encodeAllocate(sizeBytes)));
      if (answer.errno === 0) return { address: answer.address, sizeBytes };
      throw new XspliceError(
        'xen-no-memory',
        `${connection.spec}: no memory for a hypercall buffer of ${sizeBytes} bytes (${errnoName(-answer.errno)})`,
      );
    },
    // The agent's memory goes with it.
    free: async () => undefined,
    close: () => connection.close(),
  };
}
