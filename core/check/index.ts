export {
  type CheckReport,
  type CheckTarget,
  check,
  type FileVerdict,
  type UnreadFiles,
} from './check.js';
export {
  type CheckRun,
  countsOf,
  findingsOfRun,
  isUnknown,
  outcomeOf,
  type RunCounts,
  type RunFinding,
  type Standing,
  standingOf,
  standingOfRun,
  type TargetReport,
} from './run.js';
