import { setTimeout as pause } from 'node:timers/promises';
import { encodeDebugKeys } from '../../abi/sysctl.js';
import { type DumpedPayload, parseDump } from './dump.js';
import type { XenConnection } from './handle/handle.js';
import { readSizes } from './list.js';
import type { ConsoleRing } from './ring.js';

/** How often the key is pressed again when another operation holds Xen's lock. */
const MAX_PRESSES = 5;
/** How often the ring is read again when the end of the dump is not in it yet. */
const MAX_READS = 8;

/** What a dump told, and of which list. */
export interface DumpAnswer {
  /** One entry per name; null where it could not be found out. */
  readonly payloads: readonly (DumpedPayload | null)[];
  /** The list's, when the end of the dump was there. */
  readonly stamp: number;
}

/**
 * Lets Xen print all payloads (debug key 'x') and reads ids and functions back from its console: the
 * only way there is to the ids of payloads that another tool loaded.
 *
 * @throws XspliceError `xen-console-failed` where the console may not be read.
 */
export async function readDump(
  connection: XenConnection,
  ring: ConsoleRing,
  names: readonly string[],
): Promise<DumpAnswer> {
  const { handle, version } = connection;
  const unknown = names.map(() => null);
  const key = Buffer.from('x');
  const request = encodeDebugKeys(version, handle.argument(key.length));
  const press = () => handle.sysctl({ request, argument: key });
  let stamp = 0;
  for (let presses = 0; presses < MAX_PRESSES; presses++) {
    if (presses > 0) await pause(2 ** presses);
    const [printed, first] = await Promise.all([ring.around(press), readSizes(connection)]);
    stamp = first.stamp;
    if (printed.result.rc < 0) break;
    let text = printed.text;
    for (let read = 1; ; read++) {
      const dump = parseDump(text, names);
      if (dump.kind === 'complete') return { payloads: dump.payloads, stamp };
      if (dump.kind === 'locked' || read === MAX_READS) break;
      await pause(read);
      const [more, then] = await Promise.all([ring.readNew(), readSizes(connection)]);
      stamp = then.stamp;
      text += more.text;
    }
  }
  return { payloads: unknown, stamp };
}
