import { setTimeout as pause } from 'node:timers/promises';
import { livepatchLines } from '../../abi/console.js';
import { formatRc, XEN_ERRNO } from '../../abi/errno.js';
import type { BuildId } from '../../abi/ids.js';
import { DEFAULT_TIMEOUT_NS, LIVEPATCH_MAX_SIZE } from '../../abi/livepatch.js';
import { parseRelease } from '../../abi/release.js';
import {
  decodeGet,
  encodeAction,
  encodeGet,
  encodeName,
  encodeUpload,
  GET_RC_OFFSET,
  type InterfaceVersion,
  type ListAnswer,
  type PayloadStatus,
} from '../../abi/sysctl.js';
import { XspliceError } from '../../findings/index.js';
import type {
  Action,
  ActionOptions,
  HostDescription,
  HypervisorPort,
  OperationResult,
} from '../port.js';
import type { LoadedPayload, Snapshot } from '../snapshot.js';
import { readDump } from './debug-key.js';
import type { DumpedPayload } from './dump.js';
import type { XenConnection } from './handle/handle.js';
import { afterUnload, afterUpload, isCurrent, type Known, stampAfter } from './known.js';
import { type PayloadList, readPayloadList } from './list.js';
import type { LoadedRecord } from './loaded-cache.js';
import { positionsOf } from './positions.js';
import type { RemoteWill } from './remote-will.js';
import { ConsoleRing, type ConsoleText } from './ring.js';

/** Looks at the console without a pause first: most last words are there by then. */
const EAGER_LOOKS = 3;
/** Beyond the timeout, CPUs need time to stop, to patch and to report. */
const SLACK_MS = 10_000;
/** A payload whose rc is EAGAIN though nothing runs stays so: it is not waited for longer. */
const LEFT_BEHIND_MS = 100;
/** How often the payloads are looked at again because they changed while they were. */
const MAX_OBSERVATIONS = 5;

/** Longest wait for the line that ends an action; it follows the result within microseconds. */
const LAST_WORDS_MS = 500;
/** Behind the payload's name. */
const FIRST_WORDS =
  /^: (?:Applying \d+ functions|Reverting|Calling [a-z-]+ (?:action )?hook function)/;
const LAST_WORDS = /^ finished (?:APPLY|REVERT|REPLACE) with rc=-?\d+$/;

const EAGAIN = -XEN_ERRNO.EAGAIN;
const OVERWRITTEN = "(the console ring was overwritten: earlier lines of Xen's are lost)";

/** Runs something while no other run of this program changes the same Xen. */
export type Exclusively = <T>(run: () => Promise<T>) => Promise<T>;

/** The hypervisor under this dom0, or another one. */
export class XenPort implements HypervisorPort {
  readonly host: HostDescription;
  readonly #connection: XenConnection;
  readonly #ring: ConsoleRing;
  readonly #record: LoadedRecord | null;
  readonly #exclusively: Exclusively;
  #sizes: ListAnswer | null;
  /** Null until the payloads were looked at, and where not all of them are known. */
  #known: Known | null = null;
  /** Of Xen's list, as far as this program knows; null before the first look. */
  #stamp: number | null = null;

  /** Without a record, ids are always read back from Xen; `exclusively` is the lock against other runs. */
  constructor(
    connection: XenConnection,
    record: LoadedRecord | null = null,
    exclusively: Exclusively = (run) => run(),
    spec = 'xen',
    readonly lastWill?: RemoteWill | undefined,
  ) {
    this.host = { spec, tellsReverted: false, tellsPlaces: false };
    this.#record = record;
    this.#exclusively = exclusively;
    this.#connection = connection;
    this.#sizes = connection.sizes ?? null;
    this.#ring = new ConsoleRing(connection);
  }

  /** The sysctl interface version that was agreed on. */
  get interfaceVersion(): InterfaceVersion {
    return this.#connection.version;
  }

  async observe(): Promise<Snapshot> {
    // All that may be needed is asked for at once: the way to a hypervisor may be long.
    const [{ buildId, ...version }, first, recorded] = await Promise.all([
      this.#connection.handle.readIdentity(),
      readPayloadList(this.#connection, this.#takeSizes()),
      this.#known === null ? this.#record?.read() : undefined,
    ]);
    const text = `${version.major}.${version.minor}${version.extra}`;
    const { list, dump } = await this.#readPayloads(first, buildId, recorded?.(buildId) ?? null);
    const payloads = list.entries.map((entry, index): LoadedPayload => {
      const known = dump[index] ?? null;
      return {
        ...entry,
        buildId: known?.buildId ?? null,
        depends: known?.depends ?? null,
        position: null,
        functions: known?.functions ?? null,
        reverted: null,
      };
    });
    const applied = payloads.filter((payload) => payload.state === 'APPLIED');
    const positions = positionsOf(buildId, applied);
    const places = new Map(applied.map((payload, index) => [payload, positions[index] ?? null]));
    return {
      hypervisor: {
        buildId,
        release: parseRelease(text) ?? {
          major: version.major,
          minor: version.minor,
          patch: null,
        },
        version: text,
      },
      payloads: payloads.map((payload) => ({ ...payload, position: places.get(payload) ?? null })),
    };
  }

  /** What Xen told of its list when it was found, once: it may be old the next time. */
  #takeSizes(): ListAnswer | null {
    const sizes = this.#sizes;
    this.#sizes = null;
    return sizes;
  }

  /** List and dump that belong together: nothing was uploaded or unloaded in between. */
  async #readPayloads(
    first: PayloadList,
    hypervisor: BuildId | null,
    recorded: Known | null,
  ): Promise<{
    readonly list: PayloadList;
    readonly dump: readonly (DumpedPayload | null)[];
  }> {
    let list = first;
    for (let attempt = 1; ; attempt++) {
      this.#stamp = list.stamp;
      if (list.entries.length === 0) {
        this.#known = { stamp: list.stamp, payloads: [] };
        return { list, dump: [] };
      }
      const known = await this.#knownOf(list, hypervisor, recorded);
      if (known !== null) return { list, dump: known.payloads };
      const names = list.entries.map((entry) => entry.name);
      const { payloads, stamp } = await readDump(this.#connection, this.#ring, names);
      if (stamp === list.stamp) {
        await this.#remember(list, payloads, hypervisor);
        return { list, dump: payloads };
      }
      if (attempt === MAX_OBSERVATIONS) break;
      list = await readPayloadList(this.#connection);
    }
    throw new XspliceError(
      'xen-list-changing',
      `The payloads changed during each of ${MAX_OBSERVATIONS} attempts to look at them`,
    );
  }

  /** What is known of the payloads of this list, from before or from the record; else null. */
  async #knownOf(
    list: PayloadList,
    hypervisor: BuildId | null,
    recorded: Known | null,
  ): Promise<Known | null> {
    if (this.#known !== null && isCurrent(this.#known, list)) {
      await this.#record?.write(hypervisor, this.#known);
      return this.#known;
    }
    this.#known = recorded !== null && isCurrent(recorded, list) ? recorded : null;
    return this.#known;
  }

  /** Keeps a dump that told about every payload: what could not be read may be readable the next time. */
  async #remember(
    { stamp, entries }: PayloadList,
    dump: readonly (DumpedPayload | null)[],
    hypervisor: BuildId | null,
  ): Promise<void> {
    const payloads = entries.flatMap(({ name }, index) => {
      const facts = dump[index] ?? null;
      return facts === null ? [] : [{ name, ...facts }];
    });
    if (payloads.length !== entries.length) return;
    this.#known = { stamp, payloads };
    await this.#record?.write(hypervisor, this.#known);
  }

  async upload(name: string, bytes: Uint8Array): Promise<OperationResult> {
    const encoded = encodeName(name);
    if (bytes.length > LIVEPATCH_MAX_SIZE) {
      throw new XspliceError(
        'payload-too-large',
        `The payload has ${bytes.length} bytes; Xen takes ${LIVEPATCH_MAX_SIZE} at most`,
        { hint: 'Strip its debug sections: strip --strip-debug' },
      );
    }
    const { handle, version } = this.#connection;
    const request = encodeUpload(version, handle.argument(encoded.length), {
      address: handle.data.address,
      sizeBytes: bytes.length,
    });
    const will = this.lastWill?.before('UPLOAD', name, this.#stamp);
    return this.#withLog(async (log) => {
      // After a refusal there may be an older one of that name.
      const [{ rc }, older] = await log.during(() =>
        Promise.all([
          handle.sysctl({ request, argument: encoded, data: bytes, ...will }),
          this.#get(encoded).catch((error: unknown) => ({ error })),
        ]),
      );
      if (rc === 0) this.#listChanged();
      if (rc === 0 && this.#known !== null) this.#known = afterUpload(this.#known, name, bytes);
      // A new payload's rc is 0.
      if (rc === 0) return { hypercallRc: rc, payloadRc: 0 };
      if (older !== null && 'error' in older) throw older.error;
      return { hypercallRc: rc, payloadRc: older?.rc ?? null };
    });
  }

  async act(name: string, action: Action, options: ActionOptions): Promise<OperationResult> {
    const encoded = encodeName(name);
    const { handle, version } = this.#connection;
    const request = encodeAction(version, {
      name: handle.argument(encoded.length),
      action,
      ...options,
    });
    const will = this.lastWill?.before(action, name, this.#stamp);
    return this.#withLog(async (log) => {
      const [{ rc }, first] = await log.during(() =>
        Promise.all([
          handle.sysctl({ request, argument: encoded, ...will }),
          this.#get(encoded, LEFT_BEHIND_MS),
        ]),
      );
      const hypercallRc = Math.min(rc, 0);
      if (action === 'UNLOAD' && rc === 0) this.#listChanged();
      if (action === 'UNLOAD' && rc === 0 && this.#known !== null) {
        this.#known = afterUnload(this.#known, name);
      }
      const timeoutMs = (options.timeoutNs || DEFAULT_TIMEOUT_NS) / 1e6 + SLACK_MS;
      const accepted = hypercallRc === 0 ? action : null;
      const after = await this.#settle(encoded, first, accepted, timeoutMs);
      if (hypercallRc === 0 && action !== 'UNLOAD') await waitForLastWords(log, name);
      return { hypercallRc, payloadRc: after?.rc ?? null };
    });
  }

  #listChanged(): void {
    if (this.#stamp !== null) this.#stamp = stampAfter(this.#stamp);
  }

  exclusive<T>(run: () => Promise<T>): Promise<T> {
    return this.#exclusively(run);
  }

  close(): Promise<void> {
    return this.#connection.handle.close();
  }

  /**
   * State and rc of one payload; null when Xen has none of that name. While its rc is EAGAIN it is asked for again,
   * for at most so long.
   */
  async #get(encodedName: Uint8Array, limitMs = 0): Promise<PayloadStatus | null> {
    const { handle, version } = this.#connection;
    const { rc, bytes } = await handle.sysctl({
      request: encodeGet(version, handle.argument(encodedName.length)),
      argument: encodedName,
      poll: { offset: GET_RC_OFFSET, value: EAGAIN, limitMs },
    });
    if (rc === -XEN_ERRNO.ENOENT) return null;
    if (rc < 0) {
      throw new XspliceError(
        'xen-get-failed',
        `Xen did not tell a payload's state: ${formatRc(rc)}`,
      );
    }
    return decodeGet(bytes);
  }

  /**
   * Polls until the payload's rc is no longer EAGAIN. While this action runs that may take the whole
   * timeout; otherwise the EAGAIN was left behind, or is another tool's, and is not waited for long.
   */
  async #settle(
    encodedName: Uint8Array,
    first: PayloadStatus | null,
    accepted: Action | null,
    timeoutMs: number,
  ): Promise<PayloadStatus | null> {
    const deadline = performance.now() + timeoutMs;
    let status = first;
    while (status?.rc === EAGAIN && isRunning(accepted, status)) {
      if (performance.now() > deadline) break;
      status = await this.#get(encodedName, LEFT_BEHIND_MS);
    }
    return status;
  }

  /** Attaches the time an operation took, and what Xen printed about live patches meanwhile. */
  async #withLog(
    operation: (log: OperationLog) => Promise<Pick<OperationResult, 'hypercallRc' | 'payloadRc'>>,
  ): Promise<OperationResult> {
    if (this.#ring.isUnread) await this.#ring.readNew();
    const log = new OperationLog(this.#ring);
    const started = performance.now();
    const answers = await operation(log);
    return { ...answers, elapsedMs: performance.now() - started, log: log.lines };
  }
}

/** What Xen prints about live patches while one operation runs. */
class OperationLog {
  readonly #ring: ConsoleRing;
  #text = '';
  #overwritten = false;

  constructor(ring: ConsoleRing) {
    this.#ring = ring;
  }

  /** Makes the calls that the operation begins with; what was printed before them does not belong to it. */
  async during<T>(calls: () => Promise<T>): Promise<T> {
    const { result, ...printed } = await this.#ring.around(calls);
    this.#add(printed);
    return result;
  }

  /** Reads what was printed since. */
  async readOn(): Promise<void> {
    this.#add(await this.#ring.readNew());
  }

  #add({ text, overwritten }: ConsoleText): void {
    this.#text += text;
    this.#overwritten ||= overwritten;
  }

  /** All lines that were read. */
  get lines(): readonly string[] {
    const lines = livepatchLines(this.#text);
    return this.#overwritten ? [OVERWRITTEN, ...lines] : lines;
  }
}

/**
 * Waits until Xen has let go of the payload. It sets rc and allows the next action before it calls
 * the post hooks and prints the payload's name a last time (check_for_livepatch_work, all releases):
 * an UNLOAD in between frees what is still in use. That last line shows that it is over; where Xen
 * does not print such lines (loglvl below info), a pause has to do. Another manager's action may end
 * meanwhile: only lines with this name count.
 */
async function waitForLastWords(log: OperationLog, name: string): Promise<void> {
  const deadline = performance.now() + LAST_WORDS_MS;
  for (let look = 0; performance.now() < deadline; look++) {
    const words = log.lines.flatMap((line) =>
      line.startsWith(name) ? line.slice(name.length) : [],
    );
    if (words.some((text) => LAST_WORDS.test(text))) return;
    const isPrinted = words.some((text) => FIRST_WORDS.test(text));
    if (!isPrinted || look >= EAGER_LOOKS) await pause(1);
    await log.readOn();
    if (!isPrinted) return;
  }
}

/**
 * True when an rc of EAGAIN can be this action's: the payload is not yet in the state that the action
 * leads to. Where it was there before, Xen did nothing and left rc as it was (livepatch_action).
 */
function isRunning(accepted: Action | null, status: PayloadStatus): boolean {
  if (accepted === null || accepted === 'UNLOAD') return false;
  return status.state === (accepted === 'REVERT' ? 'APPLIED' : 'CHECKED');
}
