import { createHash } from 'node:crypto';
import { XspliceError } from '../../core/findings/index.js';
import { openHost } from '../../core/host/index.js';
import { type Snapshot, stackOf } from '../../core/hypervisor/index.js';
import type { Model } from '../../core/verify/index.js';

/** What is true of a state folder. */
export interface Truth {
  /** Equal exactly where the same is loaded, in the same order and states, in the same memory. */
  readonly print: string;
  /** Equal exactly where everything that is kept is the same, the last results and the labels too. */
  readonly whole: string;
  /** Names of what is applied, base first. */
  readonly applied: readonly string[];
  /** Name and state of each loaded payload, by name. */
  readonly loaded: readonly string[];
  /** In words, short. */
  readonly text: string;
}

/** Prints of folders without a hypervisor. */
export const NONE = 'none';

/** Looks at a state folder by reading all of it. A state that cannot be read is a truth of its own. */
export async function truthOf(directory: string): Promise<Truth> {
  try {
    const host = await openHost({ kind: 'embedded', directory });
    try {
      const snapshot = await host.port.observe();
      const { model } = await host.preflightModel(snapshot, []);
      if (model === null) throw new Error('an embedded hypervisor without a model');
      return truthIn(model, snapshot);
    } finally {
      await host.port.close();
    }
  } catch (error) {
    const code = error instanceof XspliceError ? error.code : String(error);
    const print = code === 'state-absent' ? NONE : `unreadable: ${code}`;
    return { print, whole: print, applied: [], loaded: [], text: print };
  }
}

/** The same of a model in memory. */
export function truthIn(model: Model, snapshot: Snapshot): Truth {
  const applied = stackOf(snapshot).map(({ name }) => name);
  const loaded = snapshot.payloads.map(({ name, state }) => `${name} ${state}`).sort();
  const memory = model.memory.regions
    .map(({ base, writable, bytes }) => `${base.toString(16)} ${writable} ${digestOf(bytes)}`)
    .sort();
  const ids = snapshot.payloads.map(({ name, buildId }) => `${name} ${buildId}`).sort();
  const all = JSON.stringify([model.buildId, applied, loaded, ids, memory]);
  const others = loaded.filter((line) => !line.endsWith(' APPLIED'));
  return {
    print: digestOf(Buffer.from(all)),
    whole: wholeOf(model, snapshot),
    applied,
    loaded,
    text: `applied: ${applied.join(', ') || 'nothing'}${others.length === 0 ? '' : `; ${others.join(', ')}`}`,
  };
}

function wholeOf(
  { payloads, applied, vmapStart, memory, rules }: Model,
  snapshot: Snapshot,
): string {
  const regions = memory.regions.map(({ bytes, ...region }) => ({
    ...region,
    bytes: digestOf(bytes),
  }));
  const all = [snapshot, payloads, applied, vmapStart, rules.release, regions];
  const text = JSON.stringify(all, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString(16) : value,
  );
  return digestOf(Buffer.from(text));
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}
