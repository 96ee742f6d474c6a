import { type BuildId, parseBuildId } from '../abi/ids.js';
import {
  type Codec,
  integer,
  type KeptFolder,
  listOf,
  Malformed,
  objectOf,
  orNull,
  parsed,
  text,
} from '../files/index.js';
import { damaged, jsonOf } from './store-format.js';

/** What is kept of a payload beside its bytes. */
export interface StoredPayload {
  /** Lower-case hex digest of its bytes: what it is known by. */
  readonly sha256: string;
  /** Under which it is uploaded, as the port takes it. */
  readonly name: string;
  /** Its file's name in the store. */
  readonly file: string;
  /** Where it was found, as the caller named it. */
  readonly from: string;
  /** When it was added first, as ISO 8601. */
  readonly addedAt: string;
  readonly sizeBytes: number;
  /** Its own id; null where it has none that can be read. The same for what it depends on. */
  readonly buildId: BuildId | null;
  readonly depends: BuildId | null;
  readonly xenDepends: BuildId | null;
  /** Names of the signature files that lie beside it. */
  readonly signatures: readonly string[];
}

export const digest: Codec<string> = parsed<string>('SHA-256', {
  encode: (value) => value,
  decode: (json) => (/^[0-9a-f]{64}$/.test(json) ? json : null),
});

export const buildId: Codec<BuildId> = parsed<BuildId>('build-id', {
  encode: (id) => id,
  decode: (json) => (/^(?:[0-9a-f]{2})+$/.test(json) ? parseBuildId(json) : null),
});

/** A name in a folder, and no way out of it. */
const fileName: Codec<string> = parsed<string>('file name', {
  encode: (value) => value,
  decode: (json) => (/^[^/\0]+$/.test(json) && json !== '.' && json !== '..' ? json : null),
});

const storedPayload: Codec<StoredPayload> = objectOf<StoredPayload>({
  sha256: digest,
  name: text,
  file: fileName,
  from: text,
  addedAt: text,
  sizeBytes: integer,
  buildId: orNull(buildId),
  depends: orNull(buildId),
  xenDepends: orNull(buildId),
  signatures: listOf(fileName),
});

export function formatAbout(payload: StoredPayload): string {
  return `${JSON.stringify(storedPayload.encode(payload), null, 1)}\n`;
}

/** Fails with `store-damaged`, which names the file. */
export function parseAbout(folder: KeptFolder, name: string, bytes: Uint8Array): StoredPayload {
  try {
    return storedPayload.decode(jsonOf(bytes), '');
  } catch (error) {
    throw error instanceof Malformed ? damaged(folder, `in ${name}, ${error.message}`) : error;
  }
}
