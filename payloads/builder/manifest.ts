import type { RefusedAt } from './family.js';

export const MANIFEST_FORMAT = 1;

/** One built payload. */
export interface ManifestEntry {
  readonly name: string;
  /** Path below the manifest's folder. */
  readonly file: string;
  readonly shows: string;
  readonly buildId: string;
  /** Hex, also where nothing has that id. */
  readonly depends: string;
  readonly xenDepends: string | null;
  /** Functions of the hypervisor that it replaces or writes NOPs into. */
  readonly replaces: readonly string[];
  readonly machine: 'x86-64' | 'arm64';
  /** The first operation that Xen refuses; absent where all of them succeed. */
  readonly refusedAt?: RefusedAt;
  /** Xen accepts it and dies of it. */
  readonly dangerous?: true;
  readonly note?: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** A member that could not be built against this image. */
export interface LeftOut {
  readonly name: string;
  readonly why: string;
}

/** What lies in a folder of payloads. */
export interface Manifest {
  readonly formatVersion: typeof MANIFEST_FORMAT;
  readonly hypervisor: { readonly buildId: string; readonly file?: string };
  readonly compiler: string;
  readonly linker: string;
  readonly payloadVersion: 1 | 2;
  readonly payloads: readonly ManifestEntry[];
  readonly leftOut: readonly LeftOut[];
}
