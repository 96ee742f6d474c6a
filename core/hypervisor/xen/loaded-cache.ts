import { type BuildId, parseBuildId } from '../../abi/ids.js';
import type { HostMachine } from '../machine.js';
import type { Known, KnownPayload } from './known.js';

/** /run is emptied at each boot, as Xen's list is. */
export const RECORD_PATH = '/run/xsplice-ts/loaded.json';

const FORMAT_VERSION = 1;

/**
 * What this program last knew of the loaded payloads, kept between two runs: ids need not be read back
 * through the console, whose ring holds those of some sixty payloads. It is used only while Xen's list is
 * the very one it was made of, and losing it costs one debug key.
 */
export class LoadedRecord {
  readonly #machine: HostMachine;
  readonly #path: string;

  constructor(machine: HostMachine, path = RECORD_PATH) {
    this.#machine = machine;
    this.#path = path;
  }

  /** What is known of a hypervisor: null where it is nothing, where it is damaged, or of another hypervisor. */
  async read(): Promise<(hypervisor: BuildId | null) => Known | null> {
    const bytes = await this.#machine.noted(this.#path);
    return (hypervisor) => {
      if (bytes === null) return null;
      try {
        return parse(JSON.parse(Buffer.from(bytes).toString()), hypervisor);
      } catch {
        return null;
      }
    };
  }

  /** Where it cannot be written, the next run reads the ids back from Xen. */
  async write(hypervisor: BuildId | null, known: Known): Promise<void> {
    const text = JSON.stringify({ formatVersion: FORMAT_VERSION, hypervisor, ...known });
    await this.#machine.note(this.#path, text);
  }
}

function parse(value: unknown, hypervisor: BuildId | null): Known | null {
  if (!isObject(value)) return null;
  const { formatVersion, hypervisor: of, stamp, payloads } = value;
  if (formatVersion !== FORMAT_VERSION || of !== hypervisor) return null;
  if (typeof stamp !== 'number' || !Array.isArray(payloads)) return null;
  const known = payloads.map(parsePayload);
  const complete = known.filter((payload) => payload !== null);
  return complete.length === known.length ? { stamp, payloads: complete } : null;
}

function parsePayload(value: unknown): KnownPayload | null {
  if (!isObject(value)) return null;
  const { name, buildId, depends, functions } = value;
  if (typeof name !== 'string' || !Array.isArray(functions)) return null;
  if (!functions.every((text) => typeof text === 'string')) return null;
  return { name, buildId: parseId(buildId), depends: parseId(depends), functions };
}

function parseId(value: unknown): BuildId | null {
  return typeof value === 'string' ? parseBuildId(value) : null;
}

function isObject(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === 'object' && value !== null;
}
