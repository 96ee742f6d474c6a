import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** Of a public key, and of a seed, in bytes (RFC 8032). */
export const ED25519_KEY_SIZE = 32;
/** Of a signature, in bytes (RFC 8032). */
export const ED25519_SIGNATURE_SIZE = 64;

/** What stands before the 32 bytes in a SubjectPublicKeyInfo, and in a PKCS #8 key (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A public key from its 32 bytes. */
export function publicKeyOf(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes]), format: 'der', type: 'spki' });
}

/** A private key from its 32 bytes. */
export function privateKeyOf(seed: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8_PREFIX, seed]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

/** True where it is the signature of these bytes by that key. */
export function isSignatureOf(
  bytes: Uint8Array,
  signature: Uint8Array,
  publicKey: KeyObject,
): boolean {
  return verify(null, bytes, publicKey, signature);
}

/** The signature of these bytes, of 64 bytes. */
export function signatureOf(bytes: Uint8Array, privateKey: KeyObject): Buffer {
  return sign(null, bytes, privateKey);
}
