import { XspliceError } from '../../findings/index.js';
import { readPayload } from '../../payload/index.js';
import type { DumpedPayload } from './dump.js';
import type { PayloadList } from './list.js';

/** A loaded payload with what LIST does not tell about it. */
export interface KnownPayload extends DumpedPayload {
  readonly name: string;
}

/** Every loaded payload at one moment of Xen's list, in its order. */
export interface Known {
  /** `version` of LIST: Xen counts it up with each upload and unload (payload_version). */
  readonly stamp: number;
  readonly payloads: readonly KnownPayload[];
}

/** True where the list is still the one that this was known of. */
export function isCurrent(known: Known, { stamp, entries }: PayloadList): boolean {
  return (
    known.stamp === stamp &&
    known.payloads.length === entries.length &&
    entries.every(({ name }, index) => known.payloads[index]?.name === name)
  );
}

/**
 * What is known after an upload of this program's own; null where the bytes do not tell the ids. If
 * another tool changed the list as well, the stamp is not the list's, and nothing is taken as known.
 */
export function afterUpload(known: Known, name: string, bytes: Uint8Array): Known | null {
  const facts = factsOf(bytes);
  if (facts === null) return null;
  return { stamp: stampAfter(known.stamp), payloads: [...known.payloads, { name, ...facts }] };
}

/** The same after an unload. */
export function afterUnload(known: Known, name: string): Known {
  const payloads = known.payloads.filter((payload) => payload.name !== name);
  return { stamp: stampAfter(known.stamp), payloads };
}

/** The stamp after one upload or unload more: payload_version is an unsigned int. */
export function stampAfter(stamp: number): number {
  return (stamp + 1) >>> 0;
}

function factsOf(bytes: Uint8Array): DumpedPayload | null {
  try {
    const { buildId, depends, functions } = readPayload(bytes, 'the payload');
    if (buildId.status !== 'present' || depends.status !== 'present') return null;
    return {
      buildId: buildId.id,
      depends: depends.id,
      functions: functions.map(({ name }) => name ?? ''),
    };
  } catch (error) {
    if (error instanceof XspliceError) return null;
    throw error;
  }
}
