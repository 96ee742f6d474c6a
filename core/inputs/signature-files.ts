import { statOrNull } from './path.js';
import { readRegularFile } from './regular-file.js';

/** How files that sign another one are named behind its name: minisign's, and those of signify and openssl. */
const SUFFIXES = ['.minisig', '.sig'] as const;
/** Ours: a signature has some hundred bytes. */
const MAX_SIZE = 64 * 1024;

/** A file beside a payload that may be its signature. */
export interface SignatureFile {
  /** What its name has behind the payload's. */
  readonly suffix: string;
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** The signatures that lie beside a file, as they are. Fails with `file-not-readable`, `file-changed`. */
export function signaturesBeside(file: string): readonly SignatureFile[] {
  return SUFFIXES.flatMap((suffix) => {
    const path = `${file}${suffix}`;
    if (statOrNull(path)?.isFile() !== true) return [];
    const { bytes } = readRegularFile(path, MAX_SIZE);
    return bytes === null ? [] : [{ suffix, file: path, bytes }];
  });
}
