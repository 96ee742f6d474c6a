import { type Finding, XspliceError } from '../findings/index.js';
import type { InputFile } from './input-file.js';
import type { Payload } from './payload.js';
import { type PlanPayload, planPayloadOf } from './plan-payload.js';
import { readPayload } from './read.js';

/** A payload file with all that was read out of it. */
export interface PayloadInput {
  readonly input: InputFile;
  readonly payload: Payload;
  readonly planned: PlanPayload;
}

/** What a set of files came to: those that are payloads, and what is wrong with them and the others. */
export interface ReadInputs {
  readonly payloads: readonly PayloadInput[];
  /** Those that could not be read as payloads, each with the findings that say why. */
  readonly others: readonly UnreadInput[];
  /** Of all files. */
  readonly findings: readonly Finding[];
}

/** A file that cannot be read as a payload. Xen has an answer to it all the same. */
export interface UnreadInput {
  readonly input: InputFile;
  readonly findings: readonly Finding[];
}

/** Reads files as payloads. One that is none, or whose name Xen would not take, becomes a finding. */
export function readInputs(inputs: readonly InputFile[]): ReadInputs {
  const payloads: PayloadInput[] = [];
  const others: UnreadInput[] = [];
  const findings: Finding[] = [];
  for (const input of inputs) {
    try {
      const payload = readPayload(input.bytes, input.file);
      findings.push(...payload.findings);
      payloads.push({ input, payload, planned: planPayloadOf(payload, input.sha256, input.name) });
    } catch (error) {
      if (!(error instanceof XspliceError)) throw error;
      const own = findingsOf(error, input.file);
      others.push({ input, findings: own });
      findings.push(...own);
    }
  }
  return { payloads, others, findings };
}

/**
 * Reads files that are to be uploaded: all have to be payloads. Fails with the first error among the files that are
 * none, or whose contents are elsewhere (`payload-no-contents`). What a payload holds is left to Xen's own rules, which
 * the preflight asks.
 */
export function readPayloadInputs(inputs: readonly InputFile[]): readonly PayloadInput[] {
  return inputs.map((input) => {
    const payload = readPayload(input.bytes, input.file);
    const absent = payload.findings.find(({ code }) => code === 'payload-no-contents');
    if (absent !== undefined) {
      throw new XspliceError('payload-no-contents', `${input.file}: ${absent.message}`);
    }
    return { input, payload, planned: planPayloadOf(payload, input.sha256, input.name) };
  });
}

/** An error about one file as findings. */
export function findingsOf(error: XspliceError, file: string): readonly Finding[] {
  if (error.findings.length > 0) return error.findings;
  const { code, message, hint } = error;
  return [{ code, severity: 'error', message, file, hint }];
}
