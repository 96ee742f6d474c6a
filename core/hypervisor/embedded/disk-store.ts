import { randomUUID } from 'node:crypto';
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  codeOf,
  isDraft,
  isLock,
  makeTrusted,
  NotFlushed,
  readOwn,
  reasonOf,
  requireTrusted,
  withLock,
  writeDurably,
} from '../../files/index.js';
import { XspliceError } from '../../findings/index.js';
import type { Model, SymbolLookup } from '../../verify/index.js';
import { BlobFolder, type BlobWriter } from './blobs.js';
import { damaged } from './damaged.js';
import type { ModelStore } from './model-port.js';
import {
  formatState,
  loadModel,
  type Origin,
  parseState,
  type StoredModel,
  storeModel,
} from './state.js';

const STATE_FILE = 'hypervisor.json';
const BLOB_FOLDER = 'blobs';
/** What is remembered of the hypervisor lies beside its state, and outlives a new one in its place. */
export const MEMORY_FOLDER = 'memory';
/** Of versions before the lock of now. */
const OLD_LOCK = 'lock';

/** How often a state that others change meanwhile is read anew. */
const MOST_READS = 100;

/** What of a state is true as long as its hypervisor runs. */
type StoredBoot = Pick<StoredModel, 'version' | 'bootId'>;

/** Turns the text of a symbol table into lookups. */
export type SymbolReader = (text: string) => SymbolLookup;

/**
 * A model in a directory: `hypervisor.json`, and its memory in `blobs/`, files named by their digest. An operation
 * takes the lock, reads, computes, writes new blobs, then the state file that names them, and removes what the
 * state before needed only after that. Whatever happens at any moment, a loss of power included, leaves the
 * state before or after the operation. Reading takes no lock.
 */
export class DiskStore implements ModelStore {
  readonly version: string;
  /** Null where an older version created it. */
  readonly bootId: string | null;
  readonly #directory: string;
  readonly #blobs: BlobFolder;
  readonly #readSymbols: SymbolReader;
  #symbols: { readonly sha256: string | null; readonly lookup: SymbolLookup } | undefined;
  #last: { readonly text: string; readonly model: Model } | undefined;
  /** True while this store has the lock. */
  #isHeld = false;

  private constructor(
    directory: string,
    readSymbols: SymbolReader,
    { version, bootId }: StoredBoot,
  ) {
    this.#directory = directory;
    this.#blobs = new BlobFolder(join(directory, BLOB_FOLDER));
    this.#readSymbols = readSymbols;
    this.version = version;
    this.bootId = bootId ?? null;
  }

  /**
   * Opens what `createDiskStore` made. Fails with `state-absent` where there is none, with `folder-not-trusted`
   * where somebody else could have written it, and with `state-not-readable`, `state-damaged`, `state-too-new`.
   */
  static async open(directory: string, readSymbols: SymbolReader): Promise<DiskStore> {
    for (const folder of [directory, join(directory, BLOB_FOLDER)]) {
      await requireTrusted(folder).catch((error: unknown) => {
        // A lost folder of blobs is said when one of them is read.
        if (folder !== directory && codeOf(error) === 'ENOENT') return;
        throw notReadable(directory, folder, error);
      });
    }
    return new DiskStore(directory, readSymbols, parseState(await readStateText(directory)));
  }

  async read(): Promise<Model> {
    return (await this.#load()).model;
  }

  /** Runs something, operations of this store included, while no other process changes the state. */
  async exclusive<T>(run: () => Promise<T>): Promise<T> {
    if (this.#isHeld) return run();
    return withLock(this.#directory, { what: `embedded:${this.#directory}` }, async () => {
      this.#isHeld = true;
      try {
        return await run();
      } finally {
        this.#isHeld = false;
      }
    });
  }

  update<T>(operation: (model: Model) => { readonly model: Model; readonly value: T }): Promise<T> {
    return this.exclusive(async () => {
      const { model: before, state } = await this.#load();
      const { model, value } = operation(before);
      if (model !== before) {
        const text = await commit(this.#directory, state, this.#blobs, (writer) =>
          storeModel(model, state, writer),
        );
        this.#last = { text, model };
      }
      return value;
    });
  }

  /**
   * The image that the hypervisor was created from; null where it was not kept. No more than
   * `limitBytes` are unpacked. Fails with `state-damaged`.
   */
  image(limitBytes: number): Promise<ImageFile | null> {
    return this.#reading(async (text) => {
      const { image } = parseState(text);
      if (image === null) return null;
      const packed = await this.#blobs.read(image.sha256);
      try {
        return { file: image.file, bytes: gunzipSync(packed, { maxOutputLength: limitBytes }) };
      } catch (cause) {
        throw damaged(`the image kept of ${JSON.stringify(image.file)} cannot be unpacked`, cause);
      }
    });
  }

  #load(): Promise<{ model: Model; state: StoredModel }> {
    return this.#reading(async (text) => {
      const state = parseState(text);
      if (this.#last?.text === text) return { model: this.#last.model, state };
      const model = await loadModel(state, this.#blobs, await this.#symbolsOf(state));
      this.#last = { text, model };
      return { model, state };
    });
  }

  /**
   * Reads what a state file names. What is missing may have been removed since by who wrote the next state: it is
   * damage only where the state file is still the same.
   */
  async #reading<T>(read: (text: string) => Promise<T>): Promise<T> {
    let text = await readStateText(this.#directory);
    for (let reads = 1; ; reads++) {
      try {
        return await read(text);
      } catch (error) {
        if (!(error instanceof XspliceError) || error.code !== 'state-damaged') throw error;
        const now = await readStateText(this.#directory);
        if (now === text) throw error;
        if (reads >= MOST_READS) {
          const what = `embedded:${this.#directory} changed during each of ${MOST_READS} attempts to read it`;
          throw new XspliceError('state-locked', what);
        }
        text = now;
      }
    }
  }

  async #symbolsOf({ symbols: sha256 }: StoredModel): Promise<SymbolLookup> {
    if (this.#symbols?.sha256 === sha256) return this.#symbols.lookup;
    const text =
      sha256 === null ? '' : Buffer.from(await this.#blobs.read(sha256)).toString('latin1');
    const lookup = this.#readSymbols(text);
    this.#symbols = { sha256, lookup };
    return lookup;
  }
}

/** A hypervisor's image as it was read from disk. */
export interface ImageFile {
  /** As the caller named it. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/**
 * Makes a directory hold this model, in place of whatever hypervisor it held. `symbols` is the text
 * that the reader given to `DiskStore.open` understands; null where the image has none. The
 * image itself is kept too where it is given: what a guard asks about old code is answered from it.
 *
 * Fails with `folder-not-trusted`, with `folder-not-empty` where something is there that no hypervisor put there,
 * with `state-locked`, `state-not-writable` and `state-not-flushed`.
 */
export async function createDiskStore(
  directory: string,
  model: Model,
  version: string,
  symbols: string | null,
  image: ImageFile | null = null,
): Promise<void> {
  await makeTrusted(directory).catch((error: unknown) => {
    throw notWritable(directory, error);
  });
  await requireOurs(directory);
  await withLock(directory, { what: `embedded:${directory}` }, async () => {
    await requireOurs(directory);
    const previous = await previousState(directory);
    const blobs = new BlobFolder(join(directory, BLOB_FOLDER));
    await commit(directory, previous, blobs, async (writer) => {
      const origin: Origin = {
        version,
        bootId: randomUUID(),
        symbols: symbols === null ? null : await writer.write(Buffer.from(symbols, 'latin1')),
        image:
          image === null
            ? null
            : { file: image.file, sha256: await writer.write(gzipSync(image.bytes)) },
      };
      return storeModel(model, origin, writer);
    });
  });
}

/**
 * Blobs first, then the state file that names them, then what only `previous` named goes. Up to the state file
 * nothing has changed when it fails (`state-not-writable`); after it, the new state is there.
 */
async function commit(
  directory: string,
  previous: StoredModel | null,
  blobs: BlobFolder,
  store: (writer: BlobWriter) => Promise<StoredModel>,
): Promise<string> {
  const before = previous === null ? new Set<string>() : blobsOf(previous);
  const writer = blobs.writing(before);
  const path = join(directory, STATE_FILE);
  let state: StoredModel;
  let text: string;
  try {
    state = await store(writer);
    text = formatState(state);
    await writer.flush();
    await writeDurably(path, text);
  } catch (cause) {
    if (cause instanceof NotFlushed) {
      const what = `${path} is written, but whether a loss of power undoes it is not known: ${cause.message}`;
      throw new XspliceError('state-not-flushed', what, { cause });
    }
    await writer.undo();
    throw notWritable(directory, cause);
  }
  const after = blobsOf(state);
  await blobs.remove(new Set([...before].filter((digest) => !after.has(digest))));
  await removeDrafts(directory);
  return text;
}

function blobsOf({ symbols, image, regions }: StoredModel): ReadonlySet<string> {
  const origin = [symbols, image?.sha256 ?? null].flatMap((digest) => digest ?? []);
  return new Set([...origin, ...regions.map(({ sha256 }) => sha256)]);
}

/** What killed processes have left. */
async function removeDrafts(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((one) => isDraft(one) && one.startsWith(`${STATE_FILE}.`))) {
    await unlink(join(directory, name)).catch(() => undefined);
  }
}

/** Fails with `folder-not-empty` where a directory without a hypervisor holds what no hypervisor left there. */
async function requireOurs(directory: string): Promise<void> {
  const names = await namesIn(directory);
  if (names.includes(STATE_FILE)) return;
  const isOurs = (name: string) =>
    name === BLOB_FOLDER ||
    name === MEMORY_FOLDER ||
    name === OLD_LOCK ||
    isLock(name) ||
    isDraft(name);
  const inBlobs = names.includes(BLOB_FOLDER) ? await namesIn(join(directory, BLOB_FOLDER)) : [];
  const [first] = [
    ...names.filter((name) => !isOurs(name)),
    ...inBlobs
      .filter((name) => !/^[0-9a-f]{64}$/.test(name) && !isDraft(name))
      .map((name) => join(BLOB_FOLDER, name)),
  ];
  if (first === undefined) return;
  throw new XspliceError(
    'folder-not-empty',
    `${directory} is not empty, and holds no embedded hypervisor: ${first} is in it`,
  );
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    await requireTrusted(folder);
    return await readdir(folder);
  } catch (error) {
    throw notWritable(folder, error);
  }
}

/** The state that a new one takes the place of; null where there is none, or it cannot be read any more. */
async function previousState(directory: string): Promise<StoredModel | null> {
  try {
    return parseState(await readStateText(directory));
  } catch {
    return null;
  }
}

async function readStateText(directory: string): Promise<string> {
  const path = join(directory, STATE_FILE);
  const bytes = await readOwn(path).catch((error: unknown) => {
    throw notReadable(directory, path, error);
  });
  if (bytes === null) throw absent(directory);
  return Buffer.from(bytes).toString('utf8');
}

function absent(directory: string): XspliceError {
  return new XspliceError('state-absent', `There is no embedded hypervisor in ${directory}`, {
    hint: `Create one: xsplice-ts init --image FILE --host embedded:${directory}`,
  });
}

/** Only what is not there is absent: of all else it is not known what is there. */
function notReadable(directory: string, path: string, error: unknown): XspliceError {
  if (error instanceof XspliceError) return error;
  if (codeOf(error) === 'ENOENT') return absent(directory);
  return new XspliceError('state-not-readable', `${path} cannot be read: ${reasonOf(error)}`, {
    cause: error,
  });
}

function notWritable(directory: string, error: unknown): XspliceError {
  if (error instanceof XspliceError) return error;
  return new XspliceError(
    'state-not-writable',
    `${directory} cannot be written to: ${reasonOf(error)}`,
    { cause: error },
  );
}
