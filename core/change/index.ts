export { divergencesOf } from './divergence.js';
export {
  type ExecutionOptions,
  type ExecutionReport,
  executePlan,
  type ProgressEvent,
  type StepReport,
} from './execute.js';
export { requireKnownCode, settingOf } from './known-code.js';
export { hazardsOfPlan } from './plan-hazards.js';
export {
  type Prediction,
  type Preflight,
  preflightPlan,
  refusalOf,
  refusalUnverified,
} from './preflight.js';
export { checkTakeBack } from './undo.js';
