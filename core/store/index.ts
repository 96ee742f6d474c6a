export {
  type ConfirmTerms,
  type HostPlace,
  notArmed,
  pending,
  TakingBack,
  UntilConfirmed,
} from './confirming.js';
export { type AboutChange, type HostMemory, HostWitness } from './host-witness.js';
export {
  Journal,
  type JournalContents,
  type JournalEntry,
  type JournalledStep,
  openEntry,
} from './journal.js';
export type { JournalStep, LoadedState, Place, Who } from './journal-record.js';
export { isSamePlace, isSameStack, isSameState, loadedState } from './loaded-state.js';
export {
  damagedFindings,
  entryToRecover,
  entryToUndo,
  interruptedFinding,
  isOfThisBoot,
  keptFiles,
  leftovers,
  neededPayloads,
  type Present,
  stateAfter,
  stateText,
} from './past.js';
export {
  type Added,
  type NewPayload,
  PayloadStore,
  type StoredState,
} from './payload-store.js';
export {
  readSaved,
  type SavedPayload,
  type SavedStack,
  savedDigests,
  stackToSave,
  untriedAgain,
  writeSaved,
} from './saved-stack.js';
export type { StoredPayload } from './stored-payload.js';
export {
  CONFIRM_FILE,
  CONFIRM_FOLDER,
  forgetUnconfirmed,
  readUnconfirmed,
  type Standing,
  secondsLeft,
  standingOf,
  type Unconfirmed,
  writeUnconfirmed,
} from './unconfirmed.js';
