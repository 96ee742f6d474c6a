export { type CodeNode, DIGEST_FORMAT } from './analyse.js';
export { type BaseCode, type CodeExtent, readBaseCode } from './base.js';
export {
  type ComparedBytes,
  type Comparison,
  compareRecord,
  type FunctionComparison,
} from './compare.js';
export { type CodeVersion, type EffectiveCode, effectiveCode } from './effective.js';
export { comparablePrefix, type ExpectationResult, withExpectations } from './expect.js';
export {
  type CodeDifference,
  type ComparedLine,
  explainDifference,
  type ListedInstruction,
  listing,
} from './explain.js';
export { type Closure, type CodeGraph, closureOf, codeGraph } from './graph.js';
export {
  checkOldCode,
  type GuardSetting,
  type GuardVerdict,
  guardPayload,
  guardSetting,
  type OldCodeReport,
} from './guard.js';
export { loadedContents, RECORD_SECTION } from './loaded-contents.js';
export { makeRecord } from './make-record.js';
export {
  type GuardedOrder,
  type GuardedPayload,
  type OrderedPayload,
  orderByGuard,
} from './order.js';
export { type Footprint, footprintOf, type Overlap, overlapsOf } from './overlap.js';
export {
  type CodeRecord,
  encodeRecord,
  RECORD_FORMAT_VERSION,
  type RecordedFunction,
  type RecordedNode,
  type RecordStatus,
  readRecord,
} from './record.js';
export { type RecordOptions, type RecordResult, recordPayload } from './record-payload.js';
export { type AppliedPatch, type RunningCode, runningCode } from './running.js';
export { type PatchSite, readPatchSites } from './sites.js';
export { type ClosureSize, surveyClosures } from './survey.js';
export { type Trial, type TrialResult, type TriedFunction, tryPayload } from './trial.js';
export { withRecord } from './write-record.js';
