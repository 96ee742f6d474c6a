import type { DangerCode } from '../findings/index.js';
import type { TrustedKey } from './trusted-key.js';

/** Payloads that are named, each by any one of these. */
export interface PayloadList {
  /** SHA-256 of the file, lower-case hex. */
  readonly digests: readonly string[];
  /** Lower-case hex. */
  readonly buildIds: readonly string[];
  /** As Xen has them. */
  readonly names: readonly string[];
}

/** What may be done with a hypervisor, whoever asks. Several hold at once: each is kept. */
export interface Policy {
  /** Where it is said: a file, or an option. */
  readonly source: string;
  /** Whether a payload has to be signed, by one of `keys`. */
  readonly requireSignature: boolean;
  readonly keys: readonly TrustedKey[];
  /** Null: whatever is not blocked. */
  readonly allow: PayloadList | null;
  readonly block: PayloadList;
  /** Dangers that nobody may let pass. */
  readonly neverAccept: readonly DangerCode[];
}

/** What nothing is named in. */
export const NO_PAYLOADS: PayloadList = { digests: [], buildIds: [], names: [] };

/** The policy of --trusted-key: these keys, and nothing else. */
export function policyOfKeys(keys: readonly TrustedKey[], source: string): Policy {
  const rest = { allow: null, block: NO_PAYLOADS, neverAccept: [] };
  return { source, requireSignature: true, keys, ...rest };
}
