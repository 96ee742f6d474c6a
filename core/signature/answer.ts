import type { TrustedKey } from './trusted-key.js';

/** How a signature is kept: a file of minisign, of signify, 64 bytes of Ed25519, or CMS behind the payload. */
export type SignatureFormat = 'minisign' | 'signify' | 'ed25519' | 'cms';

/** What came of one signature. */
export interface SignatureAnswer {
  /** The file that it stands in: beside the payload, or the payload itself. */
  readonly file: string;
  /** Null where it cannot be told. */
  readonly format: SignatureFormat | null;
  /**
   * `verified`: by a trusted key, over these very bytes. `wrong`: a trusted key is named, and it did not sign these
   * bytes. `untrusted`: no trusted key made it. `damaged`: it cannot be read.
   */
  readonly state: 'verified' | 'wrong' | 'untrusted' | 'damaged';
  /** The key that verified it, or that it names; null where none of the trusted ones is meant. */
  readonly key: TrustedKey | null;
  /** What is said of it, following the file's name: both values where there are two. */
  readonly text: string;
}

/** A file beside a payload that may be its signature. */
export interface SignatureFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}
