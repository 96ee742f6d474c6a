import { type Finding, finding, XspliceError } from '../findings/index.js';
import { type Payload, readPayload } from '../payload/index.js';
import type { CodeRecord } from './code-record.js';
import { withExpectations } from './expect.js';
import type { GuardSetting } from './guard.js';
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
 * Records in a payload what it is made against: the hypervisor of the setting, with what is applied
 * there. An earlier record is replaced. Warns (`signature-uncovered`) where the file is signed.
 *
 * Fails with `trial-upload-failed` where Xen would not load the payload there, and as {@link withExpectations},
 * {@link makeRecord} and {@link withRecord} do.
 */
export function recordPayload(
  setting: GuardSetting,
  payload: Payload,
  options: RecordOptions,
): RecordResult {
  const findings: Finding[] = [];
  let subject = payload;
  let trial = loadedTrial(setting, payload);
  let expectationLengths: readonly number[] | null = null;
  if (options.expect) {
    const expectations = withExpectations(payload, trial);
    findings.push(...expectations.findings);
    expectationLengths = expectations.lengths;
    subject = readPayload(expectations.bytes, payload.file);
    trial = loadedTrial(setting, subject);
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
  return {
    bytes: withRecord(subject, encodeRecord(record)),
    record,
    expectationLengths,
    findings,
  };
}

function loadedTrial({ disassembler, base, model }: GuardSetting, payload: Payload): Trial {
  const result = tryPayload(disassembler, base, model, payload);
  if (result.status === 'loaded') return result.trial;
  const { finding } = result;
  throw new XspliceError(finding.code, `${payload.file}: ${finding.message}`, {
    findings: [finding],
    ...(finding.hint === undefined ? {} : { hint: finding.hint }),
  });
}
