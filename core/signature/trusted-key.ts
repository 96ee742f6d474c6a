import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { XspliceError } from '../findings/index.js';
import { readCommentFile } from './comment-file.js';
import { ED25519_KEY_SIZE, publicKeyOf } from './ed25519.js';

/** A public key whose signatures count. */
export type TrustedKey =
  /** Of minisign or signify: their files are the same. */
  | (KeyCommon & { readonly kind: 'minisign'; readonly keyNumber: Buffer })
  /** Ed25519 in PEM, as openssl writes it. */
  | (KeyCommon & { readonly kind: 'ed25519' })
  /** A certificate, for signatures that are appended. */
  | (KeyCommon & { readonly kind: 'x509'; readonly certificate: X509Certificate });

interface KeyCommon {
  /** As the caller named it. */
  readonly file: string;
  /** For people: minisign's number, a digest of the key, or the subject of the certificate. */
  readonly id: string;
  readonly publicKey: KeyObject;
}

/** `Ed`: what keys and signatures begin with, before the eight bytes of the key's number. */
const ALGORITHM = 'Ed';
/** Of a key of minisign or signify, in bytes. */
export const KEY_NUMBER_SIZE = 8;

/**
 * Reads a key: of minisign, of signify, Ed25519 in PEM (SubjectPublicKeyInfo), or an X.509 certificate in PEM or
 * DER. Fails with `key-invalid` where it is none, or a secret one.
 */
export function readTrustedKey(bytes: Uint8Array, file: string): TrustedKey {
  const text = Buffer.from(bytes).toString('latin1');
  const invalid = (why: string, cause?: unknown) =>
    new XspliceError('key-invalid', `${file} is no key to trust: ${why}`, { cause });
  if (/PRIVATE KEY-----|secret key/.test(text)) {
    throw invalid('it is a secret key; the public one belongs here');
  }
  const comment = readCommentFile(text);
  if (comment !== null) {
    const body = comment.bytes.subarray(ALGORITHM.length);
    const isKey =
      comment.bytes.toString('latin1', 0, ALGORITHM.length) === ALGORITHM &&
      body.length === KEY_NUMBER_SIZE + ED25519_KEY_SIZE &&
      comment.rest.length === 0;
    if (!isKey) throw invalid('it has the form of minisign, and holds no key of it');
    const keyNumber = body.subarray(0, KEY_NUMBER_SIZE);
    const publicKey = publicKeyOf(body.subarray(KEY_NUMBER_SIZE));
    return { kind: 'minisign', file, id: keyNumberText(keyNumber), keyNumber, publicKey };
  }
  try {
    if (text.includes('-----BEGIN PUBLIC KEY-----')) {
      const publicKey = createPublicKey(text);
      if (publicKey.asymmetricKeyType !== 'ed25519') {
        throw invalid(`it is of ${publicKey.asymmetricKeyType}; a detached signature has Ed25519`);
      }
      return { kind: 'ed25519', file, id: keyDigest(publicKey), publicKey };
    }
    const certificate = new X509Certificate(bytes);
    const id = certificate.subject.replaceAll('\n', ', ');
    return { kind: 'x509', file, id, publicKey: certificate.publicKey, certificate };
  } catch (error) {
    if (error instanceof XspliceError) throw error;
    throw invalid('neither of minisign or signify, nor PEM, nor an X.509 certificate', error);
  }
}

/** Eight bytes as minisign prints them. */
export function keyNumberText(keyNumber: Uint8Array): string {
  return Buffer.from(keyNumber).reverse().toString('hex').toUpperCase();
}

/** The first 16 digits of SHA-256 over the SubjectPublicKeyInfo. */
export function keyDigest(publicKey: KeyObject): string {
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return createHash('sha256').update(spki).digest('hex').slice(0, 16);
}

/** A key for people. */
export function keyName({ id, file }: Pick<TrustedKey, 'id' | 'file'>): string {
  return `${id} (${file})`;
}
