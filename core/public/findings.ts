/**
 * What is said: findings, errors, and the meaning of their codes.
 *
 * @example
 * ```ts
 * import { explain } from 'xsplice-ts/findings';
 *
 * const entry = explain('missing-parent');
 * console.log(entry?.what, entry?.mend);
 * ```
 *
 * @packageDocumentation
 */
export {
  type Code,
  EXIT,
  type ExitCode,
  type Explanation,
  explain,
  type Finding,
  type Severity,
  XspliceError,
} from '../findings/index.js';
