export {
  type CheckReport,
  type CheckTarget,
  checkPayloads,
  type FileVerdict,
} from './check.js';
