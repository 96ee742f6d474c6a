import type { SignatureAnswer, SignatureFile } from './answer.js';
import { findAppended } from './appended.js';
import { answerCms } from './cms.js';
import { answerDetached } from './detached.js';
import type { TrustedKey } from './trusted-key.js';

/**
 * Answers for each signature of a payload: the one at its end, and those in files beside it. Empty where there is none.
 * A payload counts as signed where one of them is `verified`.
 */
export function answersOf(
  payload: SignatureFile,
  beside: readonly SignatureFile[],
  keys: readonly TrustedKey[],
): readonly SignatureAnswer[] {
  const { file, bytes } = payload;
  const answers = beside.map((signature) => answerDetached(bytes, signature, keys));
  const appended = findAppended(bytes);
  if (appended === null) return answers;
  const { signed, cms } = appended;
  if (cms === null) {
    const text = 'cannot be read: its trailer is of no kind that is in use';
    return [...answers, { file, format: 'cms', state: 'damaged', key: null, text }];
  }
  return [...answers, { file, format: 'cms', ...answerCms(signed, cms, keys) }];
}
