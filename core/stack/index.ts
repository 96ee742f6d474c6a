export { type ChainMember, type ChainReport, checkChain } from './chain.js';
export { LONGEST_NAME, nameText, payloadName, payloadNameFor } from './name.js';
export {
  type Admission,
  changesSomething,
  comparesBuildIds,
  type Guard,
  PLAN_FORMAT_VERSION,
  type Plan,
  type PlanCommand,
  type PlanOptions,
  type PlanPayload,
  type StackEntry,
  type Step,
  type StepAction,
} from './plan.js';
export { planApply, planApplyUploaded, planLoad } from './plan-apply.js';
export { planPayloadOf } from './plan-payload.js';
export { planReplace } from './plan-replace.js';
export { BASE, planRevert, planRevertOne, type RevertTarget } from './plan-revert.js';
export { planUnload, planUpload } from './plan-upload.js';
export { selectLoaded } from './select.js';
export { applySteps } from './simulate.js';
export {
  fingerprintOf,
  type LoadedPayload,
  type Snapshot,
  stackOf,
  topOf,
} from './snapshot.js';
