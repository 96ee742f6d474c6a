import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  type ScryptOptions,
  scryptSync,
} from 'node:crypto';
import { XspliceError } from '../findings/index.js';
import { readCommentFile } from './comment-file.js';
import { ED25519_KEY_SIZE, privateKeyOf } from './ed25519.js';
import { keyDigest, keyNumberText } from './trusted-key.js';

/** A key to sign with. */
export interface SecretKey {
  readonly kind: 'minisign' | 'signify' | 'ed25519';
  /** As the public one's. */
  readonly id: string;
  /** Null of a key in PEM, which has none. */
  readonly keyNumber: Buffer | null;
  readonly privateKey: KeyObject;
}

/** Of minisign: algorithms (2 bytes each), salt, work, memory, then what the password covers. */
const MINISIGN_SIZE = 158;
const MINISIGN_SALT_AT = 6;
const MINISIGN_COVERED_AT = 54;
/** Of signify: algorithms, rounds, salt, checksum, number, seed and public key. */
const SIGNIFY_SIZE = 104;
/** Ours: minisign asks for 1 GiB; a file that asks for more is none of its. */
const MAX_SCRYPT_BYTES = 2n ** 30n;

/**
 * Reads a secret key: Ed25519 in PEM (PKCS #8), of minisign, or of signify without a password (`-n`).
 * `password` is null where none was given. Fails with `key-invalid` and `wrong-password`.
 */
export function readSecretKey(bytes: Uint8Array, file: string, password: string | null): SecretKey {
  const text = Buffer.from(bytes).toString('latin1');
  const comment = readCommentFile(text);
  if (comment === null) return readPem(text, file, password);
  const { bytes: body } = comment;
  if (body.length === MINISIGN_SIZE) return readMinisign(body, file, password);
  if (body.length === SIGNIFY_SIZE) return readSignify(body, file);
  throw invalid(file, 'it has the form of minisign or signify, and holds no secret key');
}

function readPem(text: string, file: string, password: string | null): SecretKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({
      key: text,
      ...(password === null ? {} : { passphrase: password }),
    });
  } catch (cause) {
    if (!text.includes('ENCRYPTED')) throw invalid(file, 'it holds no secret key', cause);
    throw wrongPassword(file, password, cause);
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw invalid(file, `it is of ${privateKey.asymmetricKeyType}, expected Ed25519`);
  }
  const id = keyDigest(createPublicKey(privateKey));
  return { kind: 'ed25519', id, keyNumber: null, privateKey };
}

function readMinisign(body: Buffer, file: string, password: string | null): SecretKey {
  const kdf = body.toString('latin1', 2, 4);
  const covered = Buffer.from(body.subarray(MINISIGN_COVERED_AT));
  if (kdf === 'Sc') {
    if (password === null) throw wrongPassword(file, password);
    const salt = body.subarray(MINISIGN_SALT_AT, MINISIGN_SALT_AT + 32);
    const cost = scryptCost(body.readBigUInt64LE(38), body.readBigUInt64LE(46), file);
    const stream = scryptSync(password, salt, covered.length, cost);
    for (const [at, byte] of stream.entries()) covered[at] = (covered[at] ?? 0) ^ byte;
  } else if (kdf !== '\0\0') {
    throw invalid(file, 'its password is used in a way that is not known');
  }
  const wrong = () => wrongPassword(file, password);
  return keyOf('minisign', covered.subarray(0, 8), covered.subarray(8, 72), wrong);
}

function readSignify(body: Buffer, file: string): SecretKey {
  if (body.readUInt32BE(4) !== 0) {
    throw invalid(file, 'it is kept under a password; make one without: signify -G -n');
  }
  const keyNumber = body.subarray(32, 40);
  return keyOf('signify', keyNumber, body.subarray(40), () => invalid(file, 'it is damaged'));
}

/** From seed and public key, which have to fit each other. */
function keyOf(
  kind: 'minisign' | 'signify',
  keyNumber: Buffer,
  secret: Buffer,
  wrong: () => XspliceError,
): SecretKey {
  const privateKey = privateKeyOf(secret.subarray(0, ED25519_KEY_SIZE));
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  if (!spki.subarray(-ED25519_KEY_SIZE).equals(secret.subarray(ED25519_KEY_SIZE))) throw wrong();
  return { kind, id: keyNumberText(keyNumber), keyNumber: Buffer.from(keyNumber), privateKey };
}

/**
 * What scrypt is asked for, of minisign's work and memory: N and p as libsodium chooses them
 * (crypto_pwhash_scryptsalsa208sha256, pickparams), with r = 8. Fails with `key-invalid` above our limits.
 */
function scryptCost(work: bigint, memory: bigint, file: string): ScryptOptions {
  if (memory > MAX_SCRYPT_BYTES || work > MAX_SCRYPT_BYTES) {
    throw invalid(file, `its password costs ${memory} bytes and ${work} steps: more than is tried`);
  }
  const r = 8n;
  const steps = work < 32768n ? 32768n : work;
  const isBoundByWork = steps < memory / 32n;
  const most = isBoundByWork ? steps / (r * 4n) : memory / (r * 128n);
  let N = 2n;
  while (N <= most / 2n) N *= 2n;
  const p = isBoundByWork ? 1n : steps / 4n / N / r;
  const maxmem = Number(128n * r * (N + p + 2n));
  return { N: Number(N), r: Number(r), p: Number(p), maxmem };
}

function invalid(file: string, why: string, cause?: unknown): XspliceError {
  return new XspliceError('key-invalid', `${file} is no key to sign with: ${why}`, { cause });
}

function wrongPassword(file: string, password: string | null, cause?: unknown): XspliceError {
  const what = password === null ? 'is kept under a password' : 'is kept under another password';
  return new XspliceError('wrong-password', `${file} ${what}`, { cause });
}
