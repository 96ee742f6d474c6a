export { PAGE_SIZE } from '../abi/address.js';
export { apply, replace, revert, unload } from './actions.js';
export { adviceOf, REASONS, type Reason } from './advice.js';
export { answerOf, type Operation, type XenAnswer } from './answer.js';
export { createModel, type HypervisorFacts } from './create.js';
export { checkExpectations } from './expectations.js';
export { findingsOfFaults } from './fault-findings.js';
export {
  functionName,
  functionsInMemory,
  functionsOf,
  type PatchedFunction,
  startsWithEndbr,
} from './function.js';
export { gatheredOf, putFirst } from './gathered.js';
export { adviceFor, hintFor } from './hints.js';
export { sectionsLookedUp } from './looked-up.js';
export { AddressSpace, MemoryFault, type Region } from './memory.js';
export {
  definesNew,
  type FunctionState,
  findPayload,
  type IdSpan,
  idAt,
  type Model,
  type ModelPayload,
  type PayloadSymbol,
  payloadsById,
  type SymbolLookup,
  topPayload,
} from './model.js';
export { appliedOf, payloadWithCode } from './payloads.js';
export { type JudgedRelease, judgedAs, KNOWN_MINORS, type Rules, rulesFor } from './rules.js';
export { stalePayloads } from './stale-payloads.js';
export { type Answer, isNameAccepted, upload } from './upload.js';
export { type Use, type UsedAnswer, uploadAndAct } from './upload-and-act.js';
export type {
  Fatality,
  Fault,
  LogLine,
  Outcome,
  Refusal,
  StrayWrite,
  Verdict,
  VerdictStage,
  Whereabouts,
} from './verdict.js';
