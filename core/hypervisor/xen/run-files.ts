import { dirname } from 'node:path';
import { makeTrusted, readOwn, requireTrusted, writeDurably } from '../../files/index.js';

/** Of this program on a dom0. /run is emptied at each boot, as Xen's list is. */
export const RUN_FOLDER = '/run/xsplice-ts';
export const RECORD_PATH = `${RUN_FOLDER}/loaded.json`;
export const ORDER_PATH = `${RUN_FOLDER}/order.json`;

/**
 * What an earlier run kept, as JSON has it. Null where there is nothing, where it is damaged, and where somebody
 * else could have written it: nothing that is kept there is needed.
 */
export async function readRunFile(path: string): Promise<unknown> {
  try {
    await requireTrusted(dirname(path));
    const bytes = await readOwn(path);
    return bytes === null ? null : JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return null;
  }
}

/** Keeps a value for the next run. Does nothing where that cannot be. */
export async function writeRunFile(path: string, value: unknown): Promise<void> {
  try {
    await makeTrusted(dirname(path));
    await writeDurably(path, JSON.stringify(value));
  } catch {
    // The next run finds out again.
  }
}
