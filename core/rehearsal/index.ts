export { plainLine } from './compare.js';
export { changeText, rehearsalFindings } from './findings.js';
export { performOnXen, type XenRehearsal, type XenRehearsalRequest } from './on-xen.js';
export { type OpenStage, openStage, type TestFile } from './open-stage.js';
export { performersOf } from './performers.js';
export {
  elapsedOf,
  isSameRun,
  type PayloadRehearsal,
  type Performer,
  type Rehearsal,
  type Seen,
  type StepRehearsal,
  type TestRehearsal,
} from './rehearsal.js';
export { type RehearsalPlan, rehearse, rehearseDeadly } from './rehearse.js';
export type { Stage, StageEnd, TestRun } from './stage.js';
