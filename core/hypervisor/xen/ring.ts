import { formatRc } from '../../abi/errno.js';
import { decodeReadConsole, encodeReadConsole } from '../../abi/sysctl.js';
import { XspliceError } from '../../findings/index.js';
import type { XenConnection } from './handle.js';

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
    const { handle, version } = this.#connection;
    let text = '';
    let overwritten = false;
    for (let chunk = 0; chunk < MAX_CHUNKS; chunk++) {
      const buffer = handle.data(CHUNK_BYTES);
      const { rc, bytes } = await handle.sysctl(
        encodeReadConsole(version, this.#index, {
          address: buffer.address,
          sizeBytes: CHUNK_BYTES,
        }),
      );
      if (rc < 0) {
        throw new XspliceError(
          'xen-console-failed',
          `Xen's console could not be read: ${formatRc(rc)}`,
        );
      }
      const answer = decodeReadConsole(bytes);
      const size = Math.min(answer.sizeBytes, CHUNK_BYTES);
      // Where Xen began to copy is not told, but follows: it is the end less the size.
      const start = (answer.index - size) >>> 0;
      if (this.#index !== null && start !== this.#index) overwritten = true;
      this.#index = answer.index;
      text += Buffer.from(buffer.bytes.subarray(0, size)).toString('latin1');
      if (size < CHUNK_BYTES) break;
    }
    return { text, overwritten };
  }
}
