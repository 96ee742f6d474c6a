export { EXIT, type ExitCode, type FailureDetail, XspliceError } from './error.js';
export type { Explanation, Finding, Severity } from './finding.js';
export { assertNever, InternalError } from './internal-error.js';
