export { type CheckOptions, type CheckReport, check } from './check.js';
export { checkLinks, type LinkedFiles } from './check-links.js';
export type { FileVerdict } from './file-verdict.js';
export { isRejection, isUnknown } from './rejection.js';
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
  targetOfRelease,
} from './target.js';
export { basesOf, wholeBuildId, xenDependsOf } from './whole-id.js';
