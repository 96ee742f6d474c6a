import type { BuildId } from '../core/abi/ids.js';
import { type HostSpec, type OpenHost, openHost } from '../core/host/index.js';
import { PayloadStore } from '../core/store/index.js';
import { hostKnowledge, hostOf } from './host.js';
import { storeFolder } from './memory.js';
import type { Session } from './session.js';

/** The host that a command is about, which is opened when it is first asked for. */
export class MeantHost {
  readonly #session: Pick<Session, 'settings' | 'streams'>;
  #spec: Promise<HostSpec> | null = null;
  #opened: Promise<OpenHost> | null = null;

  constructor(session: Pick<Session, 'settings' | 'streams'>) {
    this.#session = session;
  }

  /** Fails as hostOf does. */
  spec(): Promise<HostSpec> {
    const { settings, streams } = this.#session;
    this.#spec ??= hostOf(settings, streams);
    return this.#spec;
  }

  /** Fails as hostOf, hostKnowledge and openHost do. */
  open(): Promise<OpenHost> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  async buildId(): Promise<BuildId | null> {
    return (await (await this.open()).port.observe()).hypervisor.buildId;
  }

  async store(): Promise<PayloadStore> {
    const { settings, streams } = this.#session;
    return new PayloadStore(storeFolder(settings, streams, await this.open()));
  }

  /** Safe where it was never opened. */
  async close(): Promise<void> {
    const host = await this.#opened?.catch(() => null);
    await host?.port.close();
  }

  async #open(): Promise<OpenHost> {
    const spec = await this.spec();
    return openHost(spec, hostKnowledge(this.#session.settings, spec));
  }
}
