import { XspliceError } from '../../core/findings/index.js';
import type { HypervisorPort } from '../../core/hypervisor/index.js';

/** How a call throws: without having done anything, or with it done; then, or from then on. */
export const WAYS = ['before', 'done', 'lasting'] as const;
export type Way = (typeof WAYS)[number];

/** Counts the calls of the executor, and throws in one of them. */
export class ThrowingPort implements HypervisorPort {
  readonly host: HypervisorPort['host'];
  readonly #port: HypervisorPort;
  readonly #at: number;
  readonly #way: Way;
  #calls = 0;
  /** Calls that may have changed something. */
  changes = 0;
  /** The call that threw first. */
  thrownIn: string | null = null;

  constructor(port: HypervisorPort, at: number, way: Way) {
    this.host = port.host;
    this.#port = port;
    this.#at = at;
    this.#way = way;
  }

  observe(): ReturnType<HypervisorPort['observe']> {
    return this.#call('observe', () => this.#port.observe());
  }

  upload(...words: Parameters<HypervisorPort['upload']>): ReturnType<HypervisorPort['upload']> {
    return this.#call('upload', () => this.#port.upload(...words));
  }

  act(...words: Parameters<HypervisorPort['act']>): ReturnType<HypervisorPort['act']> {
    return this.#call(words[1], () => this.#port.act(...words));
  }

  exclusive<T>(run: () => Promise<T>): Promise<T> {
    return this.#port.exclusive(run);
  }

  close(): Promise<void> {
    return this.#port.close();
  }

  async #call<T>(name: string, real: () => Promise<T>): Promise<T> {
    this.#calls++;
    const throws = this.#calls === this.#at || (this.#way === 'lasting' && this.#calls > this.#at);
    if (!throws || this.#way === 'done') {
      if (name !== 'observe') this.changes++;
      const value = await real();
      if (!throws) return value;
    }
    this.thrownIn ??= name;
    throw new XspliceError('xen-get-failed', 'The hypercall failed: made to', { hint: 'None.' });
  }
}
