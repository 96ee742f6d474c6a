import { type BuildId, parseBuildId } from '../../abi/ids.js';
import type { Known, KnownPayload } from './known.js';
import { RECORD_PATH, readRunFile, writeRunFile } from './run-files.js';

const FORMAT_VERSION = 1;

/**
 * What this program last knew of the loaded payloads, kept between two runs: ids need not be read back
 * through the console, whose ring holds those of some sixty payloads. It is used only while Xen's list is
 * the very one it was made of, and losing it costs one debug key.
 */
export class LoadedRecord {
  readonly #path: string;

  constructor(path = RECORD_PATH) {
    this.#path = path;
  }

  /** Null where there is none, where it is damaged, or of another hypervisor. */
  async read(hypervisor: BuildId | null): Promise<Known | null> {
    const value = await readRunFile(this.#path);
    try {
      return parse(value, hypervisor);
    } catch {
      // What is no build-id.
      return null;
    }
  }

  /** Where it cannot be written, the next run reads the ids back from Xen. */
  write(hypervisor: BuildId | null, known: Known): Promise<void> {
    return writeRunFile(this.#path, { formatVersion: FORMAT_VERSION, hypervisor, ...known });
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
