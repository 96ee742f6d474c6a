import { CHAIN } from './chain.js';
import { CHANGE } from './change.js';
import { COMMAND } from './command.js';
import { ELF } from './elf.js';
import { HAZARDS } from './hazards.js';
import { HOST } from './host.js';
import { IMAGE } from './image.js';
import { LOCKSTEP } from './lockstep.js';
import { OLD_CODE } from './old-code.js';
import { PAYLOAD } from './payload.js';
import { STATE } from './state.js';
import { VERDICT } from './verdict.js';

/** Every code of a finding or an error, once. The compiler takes no other. */
export const CATALOGUE = {
  ...ELF,
  ...IMAGE,
  ...PAYLOAD,
  ...CHAIN,
  ...VERDICT,
  ...HAZARDS,
  ...OLD_CODE,
  ...HOST,
  ...STATE,
  ...CHANGE,
  ...LOCKSTEP,
  ...COMMAND,
};

/** What a finding or an error can be. Stable, kebab-case, e.g. `missing-parent`. */
export type Code = keyof typeof CATALOGUE;
/** What Xen accepts and what is dangerous all the same. */
export type HazardCode = keyof typeof HAZARDS;
export type { CatalogueEntry, Explanation, Severity, StageEntry } from './entry.js';
export { STAGES } from './stages.js';
export {
  CHAIN,
  CHANGE,
  COMMAND,
  ELF,
  HAZARDS,
  HOST,
  IMAGE,
  LOCKSTEP,
  OLD_CODE,
  PAYLOAD,
  STATE,
  VERDICT,
};
