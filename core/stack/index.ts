export { type ChainReport, checkChain } from './chain.js';
export { entriesOf, makePlan } from './make-plan.js';
export type { SetMode } from './mode.js';
export {
  type ApplyTerms,
  changesSomething,
  comparesBuildIds,
  type Guard,
  PLAN_FORMAT_VERSION,
  type Plan,
  type PlanCommand,
  type PlanOptions,
  type StackEntry,
  type Step,
  type StepAction,
} from './plan.js';
export { planApply, planLoad } from './plan-apply.js';
export { planApplyLoaded } from './plan-apply-loaded.js';
export { planReplace } from './plan-replace.js';
export { planReturn, type ReturnTarget } from './plan-return.js';
export { BASE, planRevert, planRevertOne, type RevertTarget } from './plan-revert.js';
export { planUnload, planUpload } from './plan-upload.js';
export { selectLoaded } from './select.js';
export { applySteps } from './simulate.js';
export { stackTree, type TreeNode } from './stack-tree.js';
