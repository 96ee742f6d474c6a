import { createHash } from 'node:crypto';
import { lstat, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  flushFolder,
  isDraft,
  makeTrusted,
  placeFile,
  readOwn,
  reasonOf,
} from '../../files/index.js';
import { XspliceError } from '../../findings/index.js';
import { damaged } from './damaged.js';

/** Lower-case hex SHA-256 of some bytes. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A folder of files named by their content's SHA-256. Remembers what it read: contents never change. */
export class BlobFolder {
  readonly #folder: string;
  readonly #known = new Map<string, Uint8Array>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Fails with `state-damaged` when the file is missing or its content is not what its name says. */
  async read(sha256: string): Promise<Uint8Array> {
    const known = this.#known.get(sha256);
    if (known) return known;
    const path = join(this.#folder, sha256);
    const bytes = await readOwn(path).catch((cause: unknown) => {
      if (cause instanceof XspliceError) throw cause;
      throw new XspliceError('state-not-readable', `${path} cannot be read: ${reasonOf(cause)}`, {
        cause,
      });
    });
    if (bytes === null) throw damaged(`${path} is not there`);
    const actual = sha256Of(bytes);
    if (actual !== sha256) throw damaged(`${path} holds other bytes, their digest is ${actual}`);
    this.#known.set(sha256, bytes);
    return bytes;
  }

  /**
   * Begins to write contents of a new state. Those of `present`, which the state before names, are there already.
   * What this process read or wrote before need not be: another one may have removed it since.
   */
  writing(present: ReadonlySet<string>): BlobWriter {
    return new BlobWriter(this.#folder, present, this.#known);
  }

  /** Removes these, and the drafts of killed processes. What cannot be removed stays, and does no harm. */
  async remove(unwanted: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names.filter((one) => unwanted.has(one) || isDraft(one))) {
      this.#known.delete(name);
      await unlink(join(this.#folder, name)).catch(() => undefined);
    }
  }
}

/** Writes contents that no state names yet. */
export class BlobWriter {
  readonly #folder: string;
  readonly #present: ReadonlySet<string>;
  readonly #known: Map<string, Uint8Array>;
  readonly #written = new Set<string>();
  /** Of those, what was not there before. */
  readonly #fresh = new Set<string>();

  constructor(folder: string, present: ReadonlySet<string>, known: Map<string, Uint8Array>) {
    this.#folder = folder;
    this.#present = present;
    this.#known = known;
  }

  /** Writes the bytes unless they are there already, and returns their digest. */
  async write(bytes: Uint8Array): Promise<string> {
    const sha256 = sha256Of(bytes);
    if (this.#present.has(sha256) || this.#written.has(sha256)) return sha256;
    if (this.#written.size === 0) await makeTrusted(this.#folder);
    const path = join(this.#folder, sha256);
    const isThere = await lstat(path).catch(() => null);
    await placeFile(path, bytes);
    if (isThere === null) this.#fresh.add(sha256);
    this.#written.add(sha256);
    this.#known.set(sha256, bytes);
    return sha256;
  }

  /** What was written outlives a loss of power from here on. */
  async flush(): Promise<void> {
    if (this.#written.size > 0) await flushFolder(this.#folder);
  }

  /** Takes back what was written, as far as that works. */
  async undo(): Promise<void> {
    for (const sha256 of this.#fresh) {
      this.#known.delete(sha256);
      await unlink(join(this.#folder, sha256)).catch(() => undefined);
    }
  }
}
