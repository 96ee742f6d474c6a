import type { HostMachine } from '../machine.js';
import { XenHandle } from './handle/handle.js';
import { openXenCall } from './handle/library.js';
import { localHypercalls } from './handle/local.js';
import { HOST_PATHS, type HostPaths, requireDom0 } from './host.js';
import { LoadedRecord } from './loaded-cache.js';
import { localMachine } from './local-machine.js';
import { negotiate } from './negotiate.js';
import { type Exclusively, XenPort } from './port.js';

export { isDom0, readRunningSymbols } from './host.js';
export { localMachine } from './local-machine.js';
export { XenPort } from './port.js';

/** Below /run, as the notes: a boot begins anew. */
const LOCK_FOLDER = '/run/xsplice-ts';

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
export { OrderedPort } from './ordered-port.js';
