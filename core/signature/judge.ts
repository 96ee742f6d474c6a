import { nameText } from '../abi/payload-name.js';
import { type Finding, finding } from '../findings/index.js';
import type { SignatureAnswer, SignatureFile } from './answer.js';
import type { PayloadList, Policy } from './policy.js';
import type { TrustedKey } from './trusted-key.js';
import { answersOf } from './verify.js';

/** A payload that is to reach a hypervisor, or to take effect on it. */
export interface Subject {
  /** As the hypervisor has it, or would. */
  readonly name: string;
  readonly buildId: string | null;
  /** The bytes that are sent, and what lies beside them; null where they are loaded already. */
  readonly sent: SentPayload | null;
}

export interface SentPayload {
  readonly payload: SignatureFile;
  readonly sha256: string;
  readonly beside: readonly SignatureFile[];
}

/** What a policy has against a payload; empty where nothing. */
export function judgeByPolicy(subject: Subject, policy: Policy): readonly Finding[] {
  const { block, allow, requireSignature, keys, source } = policy;
  const { sent } = subject;
  const name = nameText(subject.name);
  const about = { payload: name, ...(sent === null ? {} : { file: sent.payload.file }) };
  const rule = placeIn(subject, block);
  const blocked =
    rule === null
      ? []
      : [
          finding('policy-blocks', {
            ...about,
            message: `${name} is blocked: ${source} names ${rule}`,
          }),
        ];
  const isAllowed = allow === null || placeIn(subject, allow) !== null;
  const notAllowed = isAllowed
    ? []
    : [
        finding('policy-not-allowed', {
          ...about,
          message: `${name} is not allowed: ${source} names neither its digest, its build-id nor its name`,
        }),
      ];
  const unsigned = requireSignature ? signatureFindings(subject, keys, source) : [];
  return [...blocked, ...notAllowed, ...unsigned];
}

/** What keeps a payload from counting as signed by one of the keys; empty where it does. */
export function signatureFindings(
  subject: Subject,
  keys: readonly TrustedKey[],
  source: string,
): readonly Finding[] {
  const { sent } = subject;
  const name = nameText(subject.name);
  const wanted = `${source} wants a signature by ${keys.map(({ id }) => id).join(' or ')}`;
  if (sent === null) {
    const message = `${name} is loaded already, and what was signed cannot be compared with it: ${wanted}`;
    return [finding('signature-unknown', { payload: name, message })];
  }
  const { payload, beside } = sent;
  const answers = answersOf(payload, beside, keys);
  if (answers.some(({ state }) => state === 'verified')) return [];
  const about = { payload: name, file: payload.file };
  if (answers.length === 0) {
    return [finding('not-signed', { ...about, message: `${name} is not signed: ${wanted}` })];
  }
  return answers.map((answer) =>
    finding(codeOf(answer), {
      ...about,
      message: `${whose(answer, payload.file)} ${answer.text}; ${wanted}`,
    }),
  );
}

function codeOf({ state }: SignatureAnswer) {
  if (state === 'wrong') return 'signature-wrong';
  return state === 'damaged' ? 'signature-damaged' : 'signature-untrusted';
}

function whose({ file }: SignatureAnswer, payload: string): string {
  return file === payload ? `The signature at the end of ${file}` : `The signature ${file}`;
}

/** Which entry names it; null where none does. */
function placeIn({ name, buildId, sent }: Subject, list: PayloadList): string | null {
  if (sent !== null && list.digests.includes(sent.sha256)) return `its digest ${sent.sha256}`;
  if (buildId !== null && list.buildIds.includes(buildId)) return `its build-id ${buildId}`;
  return list.names.includes(name) ? `its name ${name}` : null;
}
