import { createHash } from 'node:crypto';
import { renderCommentFile } from './comment-file.js';
import { signatureOf } from './ed25519.js';
import type { SecretKey } from './secret-key.js';

/** A signature to be kept beside a payload. */
export interface Signed {
  /** What the payload's file name is followed by. */
  readonly suffix: '.minisig' | '.sig';
  readonly bytes: Uint8Array;
}

/**
 * Signs a payload: with a key of minisign as `minisign -S` does (BLAKE2b-512), with one of signify as `signify -S`,
 * with one in PEM as `openssl pkeyutl -sign -rawin` (64 bytes). `comment` is signed too, where the format has one.
 */
export function signPayload(payload: Uint8Array, key: SecretKey, comment: string): Signed {
  const { kind, keyNumber, privateKey, id } = key;
  if (keyNumber === null) return { suffix: '.sig', bytes: signatureOf(payload, privateKey) };
  const own = `signature by the key ${id}`;
  if (kind === 'signify') {
    const bytes = Buffer.concat([Buffer.from('Ed'), keyNumber, signatureOf(payload, privateKey)]);
    const text = renderCommentFile({ comment: own, bytes, rest: [] });
    return { suffix: '.sig', bytes: Buffer.from(text) };
  }
  const digest = createHash('blake2b512').update(payload).digest();
  const signature = signatureOf(digest, privateKey);
  const trusted = comment.replace(/[\r\n]/g, ' ');
  const global = signatureOf(Buffer.concat([signature, Buffer.from(trusted)]), privateKey);
  const text = renderCommentFile({
    comment: own,
    bytes: Buffer.concat([Buffer.from('ED'), keyNumber, signature]),
    rest: [`trusted comment: ${trusted}`, global.toString('base64')],
  });
  return { suffix: '.minisig', bytes: Buffer.from(text) };
}
