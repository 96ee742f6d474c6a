import { type Finding, finding, XspliceError } from '../findings/index.js';
import { type Payload, readPayload } from '../payload/index.js';
import type { CodeRecord } from './code-record.js';
import { withExpectations } from './expect.js';
import type { CodeContext } from './guard.js';
import { makeRecord } from './make-record.js';
import { encodeRecord } from './record.js';
import { type Trial, tryPayload } from './trial-load.js';
import { withRecord } from './write-record.js';

/** What to do besides recording. */
export interface RecordOptions {
  /** Fill in Xen's own expectations first: see {@link withExpectations}. */
  readonly expect: boolean;
}

/** A payload with a record in it. */
export interface RecordResult {
  /** The new file. */
  readonly bytes: Uint8Array;
  readonly record: CodeRecord;
  /** By function: how many bytes Xen will compare itself. Null where that was not asked for. */
  readonly expectationLengths: readonly number[] | null;
  readonly findings: readonly Finding[];
}

/**
 * Records in a payload what it is made against: the hypervisor of the context, with what is applied
 * there. An earlier record is replaced. Warns (`signature-uncovered`) where the file is signed,
 * and where it builds on something else than what is applied (`record-other-parent`).
 *
 * Fails with `trial-upload-failed` where Xen would not load the payload there, and as {@link withExpectations},
 * {@link makeRecord} and {@link withRecord} do.
 */
export function recordPayload(
  context: CodeContext,
  payload: Payload,
  options: RecordOptions,
): RecordResult {
  const findings: Finding[] = [];
  let subject = payload;
  let trial = loadedTrial(context, payload);
  let expectationLengths: readonly number[] | null = null;
  if (options.expect) {
    const expectations = withExpectations(payload, trial);
    findings.push(...expectations.findings);
    expectationLengths = expectations.lengths;
    subject = readPayload(expectations.bytes, payload.file);
    trial = loadedTrial(context, subject);
  }
  if (payload.hasSignature) {
    findings.push(
      finding('signature-uncovered', {
        file: payload.file,
        message:
          'The file was signed before it was recorded: the signature does not cover the record',
      }),
    );
  }
  const record = makeRecord(subject, trial);
  findings.push(...otherParent(record, payload.file));
  return {
    bytes: withRecord(subject, encodeRecord(record)),
    record,
    expectationLengths,
    findings,
  };
}

/** That it was recorded on something else than what its note names. */
function otherParent({ depends, hypervisor, on }: CodeRecord, file: string): readonly Finding[] {
  const top = on.at(-1) ?? hypervisor;
  if (depends === null || depends === top) return [];
  const there = on.length === 0 ? 'the hypervisor alone' : `the payload ${top}`;
  const message = `${file} builds on ${depends}, and is recorded on ${there}`;
  return [finding('record-other-parent', { file, message })];
}

function loadedTrial({ disassembler, base, model }: CodeContext, payload: Payload): Trial {
  const result = tryPayload(disassembler, base, model, payload);
  if (result.status === 'loaded') return result.trial;
  const { finding } = result;
  throw new XspliceError(finding.code, `${payload.file}: ${finding.message}`, {
    findings: [finding],
    ...(finding.hint === undefined ? {} : { hint: finding.hint }),
  });
}
