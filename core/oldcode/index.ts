export {
  type ApplicationOrder,
  admit,
  askGuard,
  type CodeGuard,
  type GuardAnswer,
  type GuardFileReport,
  GuardRefusal,
  type GuardReport,
} from './admit.js';
export { admitReplacement } from './admit-replace.js';
export { type CodeNode, DIGEST_FORMAT } from './analyse.js';
export { type ChangedFunction, changedFunctions } from './changed-code.js';
export {
  type CodeRecord,
  RECORD_FORMAT_VERSION,
  type RecordedFunction,
  type RecordedNode,
} from './code-record.js';
export {
  type ComparedBytes,
  type Comparison,
  compareRecord,
  type FunctionComparison,
} from './compare.js';
export { type FilledExpectations, withExpectations } from './expect.js';
export {
  type CodeDifference,
  type ComparedLine,
  explainDifference,
  type ListedInstruction,
  listing,
} from './explain.js';
export { type Closure, type CodeGraph, closureOf, codeGraph } from './graph.js';
export {
  type CodeContext,
  checkOldCode,
  codeContext,
  type GuardVerdict,
  guardPayload,
  type OldCodeReport,
} from './guard.js';
export { type HiddenPayload, type Hiding, hiddenPayloads, hidingOf } from './hidden.js';
export { type BaseCode, type CodeExtent, readBaseCode } from './image-code.js';
export { loadedContents, RECORD_SECTION } from './loaded-contents.js';
export { makeRecord } from './make-record.js';
export {
  type GuardedOrder,
  type JudgedPayload,
  type NamedPayload,
  orderByGuard,
} from './order.js';
export { type Footprint, footprintOf, type Overlap, overlapsOf } from './overlap.js';
export { encodeRecord, type RecordStatus, readRecord } from './record.js';
export { type RecordOptions, type RecordResult, recordPayload } from './record-payload.js';
export { planRevertIndependent } from './revert-one.js';
export { type AppliedPatch, patchesByAddress, type RunningCode, runningCode } from './running.js';
export { type BootPatchSite, readPatchSites } from './sites.js';
export { type Trial, type TrialResult, type TriedFunction, tryPayload } from './trial-load.js';
export { type CodeVersion, type EffectiveCode, effectiveCode } from './which.js';
export { withRecord } from './write-record.js';
