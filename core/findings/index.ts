export { EXIT, type ExitCode, errorFrom, type FailureDetail, XspliceError } from './error.js';
export type { Explanation, Finding, Severity } from './finding.js';
export { assertNever, InternalError } from './internal-error.js';
