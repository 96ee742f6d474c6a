import type { BuildId } from '../core/abi/ids.js';
import { folderBelow, type KeptFolder } from '../core/files/index.js';
import { type HostSpec, type OpenHost, openHost } from '../core/host/index.js';
import { Journal, PayloadStore, type Present } from '../core/store/index.js';
import { hostKnowledge, hostOf } from './host.js';
import { HOST_FOLDER, hostFolder, storeFolder } from './memory.js';
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

  /** The hypervisor as it is observed now. */
  async present(): Promise<Present> {
    const host = await this.open();
    const [snapshot, bootId] = await Promise.all([host.port.observe(), host.bootId()]);
    return { snapshot, bootId };
  }

  async store(): Promise<PayloadStore> {
    const { settings, streams } = this.#session;
    return new PayloadStore(storeFolder(settings, streams, await this.open()));
  }

  /** Where the host's own changes and its saved stack lie. */
  async folder(): Promise<KeptFolder> {
    const { settings, streams } = this.#session;
    return hostFolder(settings, streams, await this.open());
  }

  async journal(): Promise<Journal> {
    return new Journal(await this.folder());
  }

  /** Of all hosts that have their payloads in the same store. */
  async folders(): Promise<readonly KeptFolder[]> {
    const { settings, streams } = this.#session;
    const folder = storeFolder(settings, streams, await this.open());
    const names = (await folder.list('')).filter((name) => HOST_FOLDER.test(name));
    return names.map((name) => folderBelow(folder, name));
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
