export { type CheckReport, check, type FileVerdict } from './check.js';
export {
  type CheckTarget,
  type ImageTargetOptions,
  targetOfBuildId,
  targetOfImage,
} from './target.js';
