export { divergencesOf } from './divergence.js';
export { executePlan } from './execute.js';
export type {
  ExecutionOptions,
  ExecutionReport,
  LostPayload,
  ProgressEvent,
  StepReport,
} from './execution.js';
export { requireKnownCode, settingOf } from './known-code.js';
export { answerText, failureOf, outcomeText } from './outcome.js';
export { hazardsOfPlan } from './plan-hazards.js';
export {
  type Prediction,
  type Preflight,
  preflightPlan,
  refusalOf,
  refusalUnverified,
} from './preflight.js';
export { checkTakeBack } from './undo.js';
