import type { BuildId } from '../../abi/ids.js';
import type { HostMachine } from '../machine.js';
import {
  type Action,
  type ActionOptions,
  type HostDescription,
  type HypervisorPort,
  type LastWill,
  type OperationResult,
  succeeded,
} from '../port.js';
import { type Snapshot, stackOf } from '../snapshot.js';

/** /run is emptied at each boot, as Xen's list is. */
export const ORDER_PATH = '/run/xsplice-ts/order.json';

const FORMAT_VERSION = 1;

/**
 * A port that knows the order of application where ids do not tell it, because something was applied
 * with NODEPS: what this program applied is kept in a file between two runs. It counts only while the
 * very payloads it names are the applied ones. What another tool reverted and applied again in between
 * is not seen; a REVERT out of order is then answered with EBUSY, and nothing is changed.
 */
export class OrderedPort implements HypervisorPort {
  readonly host: HostDescription;
  readonly #port: HypervisorPort;
  readonly #machine: HostMachine;
  readonly #path: string;
  #hypervisor: BuildId | null = null;
  /** Names, base first; null where the order is not known. */
  #order: readonly string[] | null = null;
  /** False while the ids alone tell the order: then it need not be kept. */
  #isNeeded = false;

  constructor(port: HypervisorPort, machine: HostMachine, path = ORDER_PATH) {
    this.host = port.host;
    this.#port = port;
    this.#machine = machine;
    this.#path = path;
  }

  async observe(): Promise<Snapshot> {
    const snapshot = await this.#port.observe();
    this.#hypervisor = snapshot.hypervisor.buildId;
    const stack = stackOf(snapshot);
    const names = stack.map(({ name }) => name);
    if (stack.length < 2 || stack.every(({ position }) => position !== null)) {
      this.#order = names;
      this.#isNeeded = false;
    } else {
      this.#isNeeded = true;
      const kept = await this.#read();
      const isSame = kept?.length === names.length && names.every((name) => kept.includes(name));
      this.#order = isSame ? kept : null;
    }
    const order = this.#order;
    if (order === null) return snapshot;
    const payloads = snapshot.payloads.map((payload) => {
      const place = payload.state === 'APPLIED' ? order.indexOf(payload.name) : -1;
      return { ...payload, position: place < 0 ? null : place + 1 };
    });
    return { ...snapshot, payloads };
  }

  upload(name: string, bytes: Uint8Array): Promise<OperationResult> {
    return this.#port.upload(name, bytes);
  }

  async act(name: string, action: Action, options: ActionOptions): Promise<OperationResult> {
    const result = await this.#port.act(name, action, options);
    if (action !== 'UNLOAD' && succeeded(result) && this.#order !== null) {
      this.#order = orderAfter(this.#order, name, action);
      this.#isNeeded ||= options.nodeps;
      if (this.#isNeeded) await this.#write(this.#order);
    }
    return result;
  }

  exclusive<T>(run: () => Promise<T>): Promise<T> {
    return this.#port.exclusive(run);
  }

  get lastWill(): LastWill | undefined {
    return this.#port.lastWill;
  }

  close(): Promise<void> {
    return this.#port.close();
  }

  /** Null where there is none, where it is damaged, of another format or of another hypervisor. */
  async #read(): Promise<readonly string[] | null> {
    const bytes = await this.#machine.noted(this.#path);
    if (bytes === null) return null;
    try {
      const value: unknown = JSON.parse(Buffer.from(bytes).toString());
      if (typeof value !== 'object' || value === null) return null;
      const { formatVersion, hypervisor, order } = value as Readonly<Record<string, unknown>>;
      if (formatVersion !== FORMAT_VERSION) return null;
      const isOurs = hypervisor === this.#hypervisor && Array.isArray(order);
      if (!isOurs || !order.every((name) => typeof name === 'string')) return null;
      return new Set(order).size === order.length ? order : null;
    } catch {
      return null;
    }
  }

  /** Does nothing where it cannot be written: the order is then not known to the next run. */
  async #write(order: readonly string[]): Promise<void> {
    const hypervisor = this.#hypervisor;
    const text = JSON.stringify({ formatVersion: FORMAT_VERSION, hypervisor, order });
    await this.#machine.note(this.#path, text);
  }
}

function orderAfter(
  order: readonly string[],
  name: string,
  action: Exclude<Action, 'UNLOAD'>,
): readonly string[] {
  const others = order.filter((other) => other !== name);
  switch (action) {
    case 'APPLY':
      // What was applied already is where it was: Xen does nothing then.
      return order.includes(name) ? order : [...order, name];
    case 'REVERT':
      return others;
    case 'REPLACE':
      return order.includes(name) ? order : [name];
  }
}
