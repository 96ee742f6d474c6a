import type { InputFile } from '../payload/index.js';
import { statOrNull } from './path.js';
import { readRegularFile } from './regular-file.js';

/** Of minisign; of signify, openssl and others. */
const SUFFIXES = ['.minisig', '.sig'];
/** Ours: a signature has some hundred bytes, with its comments. */
const MAX_SIGNATURE_SIZE = 64 * 1024;

/** What lies beside a payload and may be its signature. Fails with `file-not-readable` and `not-a-file`. */
export function signaturesBeside(file: string): readonly Pick<InputFile, 'file' | 'bytes'>[] {
  return SUFFIXES.flatMap((suffix) => {
    const path = `${file}${suffix}`;
    if (statOrNull(path) === null) return [];
    const { bytes } = readRegularFile(path, MAX_SIGNATURE_SIZE);
    // What is too large for a signature is none: it is said as one that cannot be read.
    return [{ file: path, bytes: bytes ?? new Uint8Array() }];
  });
}
