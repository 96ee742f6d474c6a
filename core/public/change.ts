/**
 * Changes of a hypervisor: observed, planned, tried on a copy, asked, carried out, taken back where it fails.
 *
 * @example
 * ```ts
 * import { change } from 'xsplice-ts/change';
 * import { openHost, parseHostSpec } from 'xsplice-ts/hosts';
 * import { readPayloadFiles, readPayloadInputs } from 'xsplice-ts/payload';
 *
 * const host = await openHost(parseHostSpec('embedded:./try'));
 * const payloads = readPayloadInputs(readPayloadFiles(['patches/']).inputs);
 * const report = await change(host, { verb: 'apply', payloads }, { confirm: async () => true });
 * console.log(report.failure?.message ?? report.execution?.outcome);
 * await host.port.close();
 * ```
 *
 * @packageDocumentation
 */
export {
  type Acceptance,
  type ChangeOptions,
  type ChangeProposal,
  type ChangeReport,
  type ChangeRequest,
  change,
  type ExecutionReport,
  type PolicyTerms,
  type ProgressEvent,
  parseAcceptance,
} from '../change/index.js';
export { signaturesBeside } from '../inputs/index.js';
export { type Policy, policyOfKeys, readTrustedKey, type TrustedKey } from '../signature/index.js';
export type { Plan, Step } from '../stack/index.js';
