export {
  CATALOGUE,
  type CatalogueEntry,
  type Code,
  type DangerCode,
  type Explanation,
  HAZARDS,
  type HazardCode,
  isDanger,
  type Severity,
  STAGES,
  type StageEntry,
} from './catalogue/index.js';
export { counted } from './counted.js';
export { alike, changesBetween, didYouMean, nearest } from './did-you-mean.js';
export { errorFrom, type FailureDetail, XspliceError } from './error.js';
export { EXIT, type ExitCode } from './exit-code.js';
export { explain, explained, explainedError } from './explain.js';
export { type Finding, finding, type Waiver } from './finding.js';
export { assertNever, InternalError } from './internal-error.js';
