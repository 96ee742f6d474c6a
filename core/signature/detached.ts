import { createHash } from 'node:crypto';
import type { SignatureAnswer, SignatureFile } from './answer.js';
import { type CommentFile, fromBase64, readCommentFile } from './comment-file.js';
import { ED25519_SIGNATURE_SIZE, isSignatureOf } from './ed25519.js';
import { KEY_NUMBER_SIZE, keyName, keyNumberText, type TrustedKey } from './trusted-key.js';

/** The algorithm, and the number of the key. */
const HEAD_SIZE = 2 + KEY_NUMBER_SIZE;
const TRUSTED_COMMENT = 'trusted comment: ';

/**
 * Answers for a file beside a payload: two lines of signify, four of minisign (jedisct1.github.io/minisign), or the 64
 * bytes of `openssl pkeyutl -sign -rawin`, as they are or in Base64.
 */
export function answerDetached(
  payload: Uint8Array,
  { file, bytes }: SignatureFile,
  keys: readonly TrustedKey[],
): SignatureAnswer {
  const text = Buffer.from(bytes).toString('utf8');
  const comment = readCommentFile(text);
  if (comment !== null) return answerNumbered(payload, file, comment, keys);
  const raw = bytes.length === ED25519_SIGNATURE_SIZE ? bytes : fromBase64(text.trim());
  if (raw?.length !== ED25519_SIGNATURE_SIZE) {
    const what = 'is no signature of minisign, signify or Ed25519';
    return { file, format: null, state: 'damaged', key: null, text: what };
  }
  const own = keys.filter(({ kind }) => kind === 'ed25519');
  const key = own.find(({ publicKey }) => isSignatureOf(payload, raw, publicKey)) ?? null;
  const format = 'ed25519';
  if (key !== null) return { file, format, state: 'verified', key, text: madeBy(key) };
  const text2 =
    own.length === 0
      ? 'is one of Ed25519, and no key in PEM is trusted'
      : `is of none of these keys, or of other bytes: ${own.map(keyName).join(', ')}`;
  return { file, format, state: own.length === 0 ? 'untrusted' : 'wrong', key: null, text: text2 };
}

/** Of minisign and signify, which say the number of their key. */
function answerNumbered(
  payload: Uint8Array,
  file: string,
  { bytes, rest }: CommentFile,
  keys: readonly TrustedKey[],
): SignatureAnswer {
  const algorithm = bytes.toString('latin1', 0, 2);
  const isPrehashed = algorithm === 'ED';
  const format = rest.length === 0 && !isPrehashed ? 'signify' : 'minisign';
  const damaged = (what: string): SignatureAnswer => {
    return { file, format, state: 'damaged', key: null, text: what };
  };
  if ((!isPrehashed && algorithm !== 'Ed') || bytes.length !== HEAD_SIZE + ED25519_SIGNATURE_SIZE) {
    return damaged('has the form of minisign, and no signature of it');
  }
  const keyNumber = bytes.subarray(2, HEAD_SIZE);
  const key =
    keys.find((one) => one.kind === 'minisign' && one.keyNumber.equals(keyNumber)) ?? null;
  const number = keyNumberText(keyNumber);
  if (key === null) {
    return { file, format, state: 'untrusted', key, text: `is by the key ${number}` };
  }
  const signature = bytes.subarray(HEAD_SIZE);
  const signed = isPrehashed ? createHash('blake2b512').update(payload).digest() : payload;
  if (!isSignatureOf(signed, signature, key.publicKey)) {
    const what = `names ${keyName(key)}, which did not sign these bytes`;
    return { file, format, state: 'wrong', key, text: what };
  }
  if (format === 'minisign') {
    const [line = '', global = '', ...more] = rest;
    const second = fromBase64(global);
    if (!line.startsWith(TRUSTED_COMMENT) || second === null || more.length > 0) {
      return damaged('has no trusted comment with its signature');
    }
    const both = Buffer.concat([signature, Buffer.from(line.slice(TRUSTED_COMMENT.length))]);
    if (!isSignatureOf(both, second, key.publicKey)) {
      const what = `has a trusted comment that ${keyName(key)} did not sign`;
      return { file, format, state: 'wrong', key, text: what };
    }
  }
  return { file, format, state: 'verified', key, text: madeBy(key) };
}

function madeBy(key: TrustedKey): string {
  return `is by ${keyName(key)}`;
}
