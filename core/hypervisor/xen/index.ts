import type { HostMachine } from '../machine.js';
import type { AgentConnection } from './handle/connection.js';
import { XenHandle } from './handle/handle.js';
import { openXenCall } from './handle/library.js';
import { localHypercalls } from './handle/local.js';
import { remoteHypercalls } from './handle/remote.js';
import { HOST_PATHS, type HostPaths, requireDom0, requireRemoteDom0 } from './host.js';
import { LoadedRecord } from './loaded-cache.js';
import { localMachine } from './local-machine.js';
import { LOCK_FOLDER } from './lock-folder.js';
import { negotiate } from './negotiate.js';
import { type Exclusively, XenPort } from './port.js';
import { remoteMachine } from './remote-machine.js';
import { RemoteWill } from './remote-will.js';

export type { Carrier } from './handle/carrier.js';
export type { AgentConnection } from './handle/connection.js';
export { agentSource, connect, connectOver } from './handle/remote.js';
export type { Transport } from './handle/transport.js';
export { isDom0, readRunningSymbols } from './host.js';
export { localMachine } from './local-machine.js';
export { XenPort } from './port.js';
export { readWillRecord, type WillRecord } from './will-record.js';

/** Where things lie, when not in their usual places. */
export interface XenOptions {
  readonly paths?: HostPaths;
  /** Where notes and the lock against other runs are kept; default this one. */
  readonly machine?: HostMachine;
  /** The shared library with the hypercalls; default libxencall.so.1. */
  readonly library?: string;
  /** Where ids of loaded payloads are kept between runs; default below /run. */
  readonly recordPath?: string;
  /** Where the lock against other runs is taken; default below /run. */
  readonly lockFolder?: string;
}

/**
 * The hypervisor under this dom0, ready to be asked.
 *
 * @throws XspliceError that says what is missing: `xen-not-dom0`, `xen-no-device`, `xen-not-root`,
 * `xen-no-koffi`, `xen-no-library`, `xen-open-failed`, `xen-no-livepatch`, `xen-not-permitted`,
 * `xen-unknown-interface`.
 */
export async function openXen(options: XenOptions = {}): Promise<XenPort> {
  const { machine = localMachine } = options;
  await requireDom0(options.paths ?? HOST_PATHS);
  const handle = await XenHandle.open(localHypercalls(openXenCall(options.library)));
  try {
    const record = new LoadedRecord(machine, options.recordPath);
    const exclusively: Exclusively = (run) =>
      machine.exclusive(options.lockFolder ?? LOCK_FOLDER, 'The Xen of this dom0', run);
    return new XenPort(await negotiate(handle), record, exclusively);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * The hypervisor under the machine at the other end of a connection, which it closes.
 *
 * Fails as {@link openXen} does where there is no dom0 or no live patching, and as the connection does.
 */
export async function openRemoteXen(connection: AgentConnection): Promise<RemoteXen> {
  const machine = remoteMachine(connection);
  try {
    await requireRemoteDom0(connection, machine);
    const handle = await XenHandle.open(remoteHypercalls(connection));
    const what = `The Xen of ${connection.spec}`;
    const exclusively: Exclusively = (run) => machine.exclusive(LOCK_FOLDER, what, run);
    const record = new LoadedRecord(machine);
    const xen = await negotiate(handle);
    const will = new RemoteWill(connection, xen);
    const port = new XenPort(xen, record, exclusively, connection.spec, will);
    return { port, machine };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A hypervisor, and the machine that it runs on. */
export interface RemoteXen {
  readonly port: XenPort;
  readonly machine: HostMachine;
}

export { OrderedPort } from './ordered-port.js';
