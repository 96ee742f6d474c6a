export { apply, replace, revert, unload } from './actions.js';
export { findPayload, type Model, type ModelPayload, topPayload } from './model.js';
export { KNOWN_MINORS, type Rules, rulesFor } from './rules.js';
export { type Answer, isNameAccepted, upload } from './upload.js';
export type {
  Fatality,
  Fault,
  LogLine,
  Outcome,
  Refusal,
  Verdict,
  VerdictStage,
  Whereabouts,
} from './verdict.js';
