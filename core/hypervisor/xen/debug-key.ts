import { setTimeout as pause } from 'node:timers/promises';
import { encodeDebugKeys } from '../../abi/sysctl.js';
import { type DumpedPayload, parseDump } from './dump.js';
import type { XenConnection } from './handle.js';
import type { ConsoleRing } from './ring.js';

/** How often the key is pressed again when another operation holds Xen's lock. */
const MAX_PRESSES = 5;
/** How often the ring is read again when the end of the dump is not in it yet. */
const MAX_READS = 8;

/**
 * Lets Xen print all payloads (debug key 'x') and reads ids and functions back from its console: the
 * only way there is to the ids of payloads that another tool loaded. One entry per name; null where
 * it could not be found out.
 *
 * @throws XspliceError `xen-console-failed` where the console may not be read.
 */
export async function readDump(
  { handle, version }: XenConnection,
  ring: ConsoleRing,
  names: readonly string[],
): Promise<readonly (DumpedPayload | null)[]> {
  const unknown = names.map(() => null);
  await ring.readNew();
  for (let press = 0; press < MAX_PRESSES; press++) {
    if (press > 0) await pause(2 ** press);
    const { rc } = await handle.sysctl(encodeDebugKeys(version, handle.argument(Buffer.from('x'))));
    if (rc < 0) return unknown;
    let text = '';
    for (let read = 0; read < MAX_READS; read++) {
      if (read > 0) await pause(read);
      text += (await ring.readNew()).text;
      const dump = parseDump(text, names);
      if (dump.kind === 'complete') return dump.payloads;
      if (dump.kind === 'locked') break;
    }
  }
  return unknown;
}
