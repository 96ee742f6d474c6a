import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
    const bytes = await readFile(path).catch((cause: unknown) => {
      throw damaged(`${path} cannot be read`, cause);
    });
    const actual = sha256Of(bytes);
    if (actual !== sha256) throw damaged(`${path} holds other bytes, their digest is ${actual}`);
    this.#known.set(sha256, bytes);
    return bytes;
  }

  /** Writes the bytes unless they are there already, and returns their digest. */
  async write(bytes: Uint8Array): Promise<string> {
    const sha256 = sha256Of(bytes);
    if (this.#known.has(sha256)) return sha256;
    await mkdir(this.#folder, { recursive: true });
    const path = join(this.#folder, sha256);
    await writeFile(`${path}.new`, bytes);
    await rename(`${path}.new`, path);
    this.#known.set(sha256, bytes);
    return sha256;
  }

  /** Deletes every file that is not among these. */
  async keepOnly(wanted: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (wanted.has(name)) continue;
      this.#known.delete(name);
      await unlink(join(this.#folder, name)).catch(() => undefined);
    }
  }
}
