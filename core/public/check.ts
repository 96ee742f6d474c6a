/**
 * Payloads against a hypervisor that is not there: their chain, and what its loader will answer to each.
 *
 * @example
 * ```ts
 * import { check, targetOfImage } from 'xsplice-ts/check';
 * import { openImage, readPayloadFiles } from 'xsplice-ts/payload';
 *
 * const { inputs, findings } = readPayloadFiles(['patches/']);
 * const report = await check(inputs, targetOfImage(openImage('xen-syms')), findings);
 * for (const { severity, code, file, message } of report.findings) {
 *   console.log(severity, code, file, message);
 * }
 * process.exitCode = report.ok ? 0 : 3;
 * ```
 *
 * @packageDocumentation
 */
export {
  type CheckOptions,
  type CheckReport,
  type CheckTarget,
  check,
  type FileVerdict,
  type ImageTargetOptions,
  targetOfBuildId,
  targetOfImage,
} from '../check/index.js';
