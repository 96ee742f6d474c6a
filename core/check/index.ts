export {
  type CheckReport,
  type CheckTarget,
  check,
  type FileVerdict,
} from './check.js';
