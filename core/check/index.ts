export {
  type CheckOptions,
  type CheckReport,
  check,
  type FileVerdict,
  isRejection,
} from './check.js';
export {
  type CheckTarget,
  type ImageTargetOptions,
  targetOfBuildId,
  targetOfImage,
} from './target.js';
