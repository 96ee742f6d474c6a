export {
  type CheckOptions,
  type CheckReport,
  type CheckTarget,
  check,
  type FileVerdict,
  isRejection,
} from './check.js';
