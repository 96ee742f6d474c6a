export {
  type CheckOptions,
  type CheckReport,
  check,
  type FileVerdict,
  isRejection,
  isUnknown,
} from './check.js';
export {
  type CheckRun,
  countsOf,
  findingsOfRun,
  outcomeOf,
  type RunCounts,
  type RunFinding,
  type Standing,
  standingOf,
  standingOfRun,
  type TargetReport,
} from './run.js';
export {
  type CheckTarget,
  type ImageTargetOptions,
  targetOfBuildId,
  targetOfImage,
} from './target.js';
