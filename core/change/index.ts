export { type Acceptance, parseAcceptance } from './accept.js';
export type { PolicyTerms } from './by-policy.js';
export {
  type ChangeOptions,
  type ChangeProposal,
  type ChangeReport,
  change,
} from './change.js';
export { divergencesOf } from './divergence.js';
export { executePlan } from './execute.js';
export type { ExecutionReport, LostPayload, StepReport } from './execution.js';
export type { ExecutionOptions, ProgressEvent } from './execution-options.js';
export type { ExpectedPlan, ExpectedStep } from './expected.js';
export { answerText, failureOf, outcomeText } from './outcome.js';
export {
  type Prediction,
  type Preflight,
  preflightPlan,
  refusalOf,
  refusalUnverified,
} from './preflight.js';
export { type ChangeRequest, type Check, payloadsOf } from './request.js';
export { checkTakeBack } from './undo.js';
export { type Verification, verifyPlan } from './verify-plan.js';
export type { BeginningChange, Witness } from './witness.js';
