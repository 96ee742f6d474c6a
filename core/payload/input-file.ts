import { createHash } from 'node:crypto';

/** A file that was read once: what is checked, planned and uploaded are these very bytes. */
export interface InputFile {
  /** As the caller named it. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** Lower-case hex digest of the bytes. */
  readonly sha256: string;
  /** Under which it is uploaded, as the port takes it; absent where its file's name says it. */
  readonly name?: string;
}

/** Names bytes that were read, and digests them. */
export function inputFile(file: string, bytes: Uint8Array): InputFile {
  return { file, bytes, sha256: sha256Of(bytes) };
}

/** Lower-case hex digest. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The bytes by their digest, as executePlan takes them. */
export function contentsOf(inputs: readonly InputFile[]): ReadonlyMap<string, Uint8Array> {
  return new Map(inputs.map(({ sha256, bytes }) => [sha256, bytes]));
}
