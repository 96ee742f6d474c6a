import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { XspliceError } from '../../findings/index.js';
import type { Model, SymbolLookup } from '../../verify/index.js';
import { BlobFolder } from './blobs.js';
import { damaged } from './damaged.js';
import { withLock } from './lock.js';
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
const LOCK_FILE = 'lock';
const BLOB_FOLDER = 'blobs';

/** Turns the text of a symbol table into lookups. */
export type SymbolReader = (text: string) => SymbolLookup;

/**
 * A model in a directory: `hypervisor.json`, and its memory in `blobs/`, files named by their digest.
 * An operation takes the lock, reads, computes, writes new blobs and then renames the state file into
 * place, so that a killed process leaves the state before or after the operation.
 */
export class DiskStore implements ModelStore {
  readonly version: string;
  readonly #directory: string;
  readonly #blobs: BlobFolder;
  readonly #readSymbols: SymbolReader;
  #symbols: { readonly sha256: string | null; readonly lookup: SymbolLookup } | undefined;
  #last: { readonly text: string; readonly model: Model } | undefined;

  private constructor(directory: string, readSymbols: SymbolReader, version: string) {
    this.#directory = directory;
    this.#blobs = new BlobFolder(join(directory, BLOB_FOLDER));
    this.#readSymbols = readSymbols;
    this.version = version;
  }

  /** Opens what `createDiskStore` made. Fails with `state-absent` where there is none. */
  static async open(directory: string, readSymbols: SymbolReader): Promise<DiskStore> {
    const { version } = parseState(await readStateText(directory));
    return new DiskStore(directory, readSymbols, version);
  }

  async read(): Promise<Model> {
    return (await this.#load()).model;
  }

  update<T>(operation: (model: Model) => { readonly model: Model; readonly value: T }): Promise<T> {
    return withLock(join(this.#directory, LOCK_FILE), async () => {
      const { model: before, state } = await this.#load();
      const { model, value } = operation(before);
      if (model !== before) {
        const text = await commit(this.#directory, model, state, this.#blobs);
        this.#last = { text, model };
      }
      return value;
    });
  }

  /**
   * The image that the hypervisor was created from; null where it was not kept. No more than
   * `limitBytes` are unpacked. Fails with `state-damaged`.
   */
  async image(limitBytes: number): Promise<ImageFile | null> {
    const { image } = parseState(await readStateText(this.#directory));
    if (image === null) return null;
    const packed = await this.#blobs.read(image.sha256);
    try {
      return { file: image.file, bytes: gunzipSync(packed, { maxOutputLength: limitBytes }) };
    } catch (cause) {
      throw damaged(`the image kept of ${JSON.stringify(image.file)} cannot be unpacked`, cause);
    }
  }

  async #load(): Promise<{ model: Model; state: StoredModel }> {
    const text = await readStateText(this.#directory);
    const state = parseState(text);
    if (this.#last?.text === text) return { model: this.#last.model, state };
    const model = await loadModel(state, this.#blobs, await this.#symbolsOf(state));
    this.#last = { text, model };
    return { model, state };
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
 */
export async function createDiskStore(
  directory: string,
  model: Model,
  version: string,
  symbols: string | null,
  image: ImageFile | null = null,
): Promise<void> {
  await mkdir(directory, { recursive: true }).catch((cause: unknown) => {
    throw notWritable(directory, cause);
  });
  await withLock(join(directory, LOCK_FILE), async () => {
    const blobs = new BlobFolder(join(directory, BLOB_FOLDER));
    const digest =
      symbols === null ? null : await blobs.write(Buffer.from(symbols, 'latin1')).catch(fail);
    const kept =
      image === null
        ? null
        : { file: image.file, sha256: await blobs.write(gzipSync(image.bytes)).catch(fail) };
    await commit(directory, model, { version, symbols: digest, image: kept }, blobs);
  });

  function fail(cause: unknown): never {
    throw notWritable(directory, cause);
  }
}

/** Blobs first, then the state file that names them, then what it no longer names goes. */
async function commit(
  directory: string,
  model: Model,
  origin: Origin,
  blobs: BlobFolder,
): Promise<string> {
  const path = join(directory, STATE_FILE);
  try {
    const state = await storeModel(model, origin, blobs);
    const text = formatState(state);
    await writeFile(`${path}.new`, text, { flush: true });
    await rename(`${path}.new`, path);
    await blobs.keepOnly(blobsOf(state));
    return text;
  } catch (cause) {
    throw notWritable(directory, cause);
  }
}

function blobsOf({ symbols, image, regions }: StoredModel): ReadonlySet<string> {
  const origin = [symbols, image?.sha256 ?? null].flatMap((digest) => digest ?? []);
  return new Set([...origin, ...regions.map(({ sha256 }) => sha256)]);
}

async function readStateText(directory: string): Promise<string> {
  const path = join(directory, STATE_FILE);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new XspliceError('state-absent', `There is no embedded hypervisor in ${directory}`, {
      hint: `Create one: xsplice-ts init --image FILE --host embedded:${directory}`,
      cause,
    });
  }
}

function notWritable(directory: string, cause: unknown): XspliceError {
  return new XspliceError('state-not-writable', `Cannot write to ${directory}: ${String(cause)}`, {
    cause,
  });
}
