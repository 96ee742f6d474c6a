import { formatRc } from '../../abi/errno.js';
import { decodeReadConsole, encodeReadConsole } from '../../abi/sysctl.js';
import { XspliceError } from '../../findings/index.js';
import type { XenConnection } from './handle/handle.js';

/** Bytes asked for with one hypercall; Xen's ring has 16 KiB unless conring_size says otherwise. */
const CHUNK_BYTES = 64 * 1024;
/** More is not read in one go, however fast the console is written. */
const MAX_CHUNKS = 64;

/** What was printed since the last look. */
export interface ConsoleText {
  /** latin1-decoded, untrusted. */
  readonly text: string;
  /** True when older text was overwritten before it was read. */
  readonly overwritten: boolean;
}

const NO_TEXT: ConsoleText = { text: '', overwritten: false };

/** Follows Xen's console ring. It is never cleared: other readers lose nothing. */
export class ConsoleRing {
  readonly #connection: XenConnection;
  /** Number of the first byte not read yet; null before the first look. */
  #index: number | null = null;

  constructor(connection: XenConnection) {
    this.#connection = connection;
  }

  /** The text since the last call; all that the ring holds at the first. */
  async readNew(): Promise<ConsoleText> {
    let text = '';
    let overwritten = false;
    for (let chunk = 0; chunk < MAX_CHUNKS; chunk++) {
      const part = await this.#readChunk();
      text += part.text;
      overwritten ||= part.overwritten;
      if (!part.isFull) break;
    }
    return { text, overwritten };
  }

  /**
   * What is printed while these calls are made, which go to Xen in between two looks at the ring: one way there and
   * back. The ring was read before, and since then less than a chunk was printed.
   */
  async around<T>(calls: () => Promise<T>): Promise<{ readonly result: T } & ConsoleText> {
    const [, result, after] = await Promise.all([this.#readChunk(), calls(), this.#readChunk()]);
    const rest = after.isFull ? await this.readNew() : NO_TEXT;
    return {
      result,
      text: after.text + rest.text,
      overwritten: after.overwritten || rest.overwritten,
    };
  }

  /** True before the first look, when all that the ring holds is new. */
  get isUnread(): boolean {
    return this.#index === null;
  }

  /** The text behind what is known when the answer comes, asked for from what is known now. */
  async #readChunk(): Promise<ConsoleText & { readonly isFull: boolean }> {
    const { handle, version } = this.#connection;
    const target = { address: handle.data.address, sizeBytes: CHUNK_BYTES };
    const { rc, bytes, data } = await handle.sysctl({
      request: encodeReadConsole(version, this.#index, target),
      receives: CHUNK_BYTES,
    });
    if (rc < 0) {
      throw new XspliceError(
        'xen-console-failed',
        `Xen's console could not be read: ${formatRc(rc)}`,
      );
    }
    const answer = decodeReadConsole(bytes);
    const size = Math.min(answer.sizeBytes, CHUNK_BYTES);
    const isFull = size === CHUNK_BYTES;
    // Where Xen began to copy is not told, but follows: it is the end less the size.
    const start = (answer.index - size) >>> 0;
    const known = this.#index ?? start;
    this.#index = answer.index;
    const seen = (known - start) >>> 0;
    const text = (from: number) => Buffer.from(data.subarray(from, size)).toString('latin1');
    // What was asked for before another answer came begins before what is known.
    if (seen <= size) return { text: text(seen), overwritten: false, isFull };
    return { text: text(0), overwritten: true, isFull };
  }
}
