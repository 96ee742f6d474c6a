import { type Codec, isRecord, type KeptFolder, Malformed, reasonOf } from '../files/index.js';
import { XspliceError } from '../findings/index.js';

/** Version of the store and of all that lies in it. A newer one is refused, never guessed at. */
const FORMAT_VERSION = 1;
const MARK = 'store.json';

/** Fails with `store-too-new`, `store-damaged` and `store-not-readable`; a store that is not there is an empty one. */
export async function requireKnownFormat(folder: KeptFolder): Promise<void> {
  const bytes = await reading(folder, MARK, () => folder.read(MARK));
  if (bytes === null) return;
  const mark = jsonOf(bytes);
  const version = isRecord(mark) ? mark['formatVersion'] : undefined;
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) {
    throw damaged(folder, `${MARK} has no formatVersion`);
  }
  if (version > FORMAT_VERSION) {
    throw new XspliceError(
      'store-too-new',
      `The store ${folder.path} was written in format ${version}; this version of xsplice-ts knows format ${FORMAT_VERSION}`,
    );
  }
}

/** Says in the folder which format it has, before the first thing is kept there. */
export async function markFormat(folder: KeptFolder): Promise<void> {
  await requireKnownFormat(folder);
  if ((await folder.read(MARK)) !== null) return;
  await folder.write(MARK, `${JSON.stringify({ formatVersion: FORMAT_VERSION })}\n`);
}

/**
 * What a file holds that has a version of its own; null where there is none. Fails with `store-damaged`,
 * `store-too-new`, `store-not-readable`.
 */
export async function readVersioned<T>(
  folder: KeptFolder,
  name: string,
  newest: number,
  codec: Codec<T>,
): Promise<T | null> {
  await requireKnownFormat(folder);
  const bytes = await reading(folder, name, () => folder.read(name));
  if (bytes === null) return null;
  const value = jsonOf(bytes);
  const version = isRecord(value) ? value['formatVersion'] : null;
  if (typeof version === 'number' && version > newest) {
    throw new XspliceError(
      'store-too-new',
      `${folder.path}/${name} has format ${version}; this version of xsplice-ts knows format ${newest}`,
    );
  }
  try {
    return codec.decode(value, '');
  } catch (error) {
    throw error instanceof Malformed ? damaged(folder, `in ${name}, ${error.message}`) : error;
  }
}

/** Keeps what {@link readVersioned} reads. Fails with `store-not-writable`, `store-too-new`. */
export async function writeVersioned<T>(
  folder: KeptFolder,
  name: string,
  formatVersion: number,
  codec: Codec<T>,
  value: T,
): Promise<void> {
  await writing(folder, async () => {
    await markFormat(folder);
    const json = { formatVersion, ...(codec.encode(value) as object) };
    await folder.write(name, `${JSON.stringify(json, null, 1)}\n`);
  });
}

/** Null where it is none. */
export function jsonOf(bytes: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8'));
  } catch {
    return null;
  }
}

export function damaged({ path }: KeptFolder, what: string): XspliceError {
  return new XspliceError('store-damaged', `The store ${path} is damaged: ${what}`);
}

/** Does what reads; what the system throws becomes `store-not-readable`. */
export async function reading<T>(
  { path }: KeptFolder,
  name: string,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof XspliceError) throw cause;
    const message = `${name === '' ? path : `${path}/${name}`} cannot be read: ${reasonOf(cause)}`;
    throw new XspliceError('store-not-readable', message, { cause });
  }
}

/** Does what writes; what the system throws becomes `store-not-writable`. */
export async function writing<T>({ path }: KeptFolder, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    if (cause instanceof XspliceError) throw cause;
    const message = `The store ${path} cannot be written to: ${reasonOf(cause)}`;
    throw new XspliceError('store-not-writable', message, { cause });
  }
}
