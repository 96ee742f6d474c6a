import { CHAIN } from './chain.js';
import { CHANGE } from './change.js';
import { CLAIMS } from './claims.js';
import { COMMAND } from './command.js';
import { ELF } from './elf.js';
import type { CatalogueEntry } from './entry.js';
import { HAZARDS } from './hazards.js';
import { HOST } from './host.js';
import { IMAGE } from './image.js';
import { JOURNAL } from './journal.js';
import { LOCKSTEP } from './lockstep.js';
import { OLD_CODE } from './old-code.js';
import { PAYLOAD } from './payload.js';
import { REHEARSAL } from './rehearsal.js';
import { SIGNATURE } from './signature.js';
import { STATE } from './state.js';
import { STORE } from './store.js';
import { UNKNOWN } from './unknown.js';
import { UNUSED } from './unused.js';
import { VERDICT } from './verdict.js';

/** Every code of a finding or an error, once. The compiler takes no other. */
export const CATALOGUE = {
  ...ELF,
  ...IMAGE,
  ...PAYLOAD,
  ...CHAIN,
  ...VERDICT,
  ...HAZARDS,
  ...UNUSED,
  ...CLAIMS,
  ...OLD_CODE,
  ...HOST,
  ...STATE,
  ...STORE,
  ...JOURNAL,
  ...CHANGE,
  ...UNKNOWN,
  ...SIGNATURE,
  ...LOCKSTEP,
  ...REHEARSAL,
  ...COMMAND,
};

/** The parts of the catalogue, with their titles, in the order of docs/findings.md. */
export const AREAS: readonly (readonly [string, Readonly<Record<string, CatalogueEntry>>])[] = [
  ['ELF files', ELF],
  ['Hypervisor images', IMAGE],
  ['Payload files', PAYLOAD],
  ['Chains of payloads', CHAIN],
  ['What Xen will answer', VERDICT],
  ['Accepted and dangerous', HAZARDS],
  ['In the payload and passed over by Xen', UNUSED],
  ['Said of the hypervisor, and not so', CLAIMS],
  ['Not known, and dangerous if it is not as hoped', UNKNOWN],
  ['Old code and its record', OLD_CODE],
  ['Hosts and the running Xen', HOST],
  ['Embedded hypervisors', STATE],
  ['What a host remembers', { ...STORE, ...JOURNAL }],
  ['Plans and changes', CHANGE],
  ['Signatures and policy', SIGNATURE],
  ['Other hosts and their modules', LOCKSTEP],
  ['Rehearsals', REHEARSAL],
  ['Commands and their files', COMMAND],
];

/** What a finding or an error can be. Stable, kebab-case, e.g. `missing-parent`. */
export type Code = keyof typeof CATALOGUE;
/** What Xen accepts and what is dangerous all the same. */
export type HazardCode = keyof typeof HAZARDS;
/** What an administrator may let pass: a hazard, what Xen passes over, a wrong claim, or what is not known. */
export type DangerCode =
  | HazardCode
  | keyof typeof UNUSED
  | keyof typeof CLAIMS
  | keyof typeof UNKNOWN
  | keyof typeof JOURNAL;

export function isDanger(code: string): code is DangerCode {
  return [HAZARDS, UNUSED, CLAIMS, UNKNOWN, JOURNAL].some((area) => Object.hasOwn(area, code));
}

export type { CatalogueEntry, Explanation, Severity, StageEntry } from './entry.js';
export { STAGES } from './stages.js';
export { HAZARDS };
