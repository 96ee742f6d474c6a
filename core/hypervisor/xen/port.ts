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
  type InterfaceVersion,
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
import type { XenConnection } from './handle.js';
import { afterUnload, afterUpload, isCurrent, type Known } from './known.js';
import { type PayloadList, readPayloadList } from './list.js';
import type { LoadedRecord } from './loaded-cache.js';
import { positionsOf } from './positions.js';
import { ConsoleRing } from './ring.js';

/** Polls without a pause first: most actions are over by then. */
const EAGER_POLLS = 3;
/** Longest pause between two polls. */
const MAX_PAUSE_MS = 10;
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

/** The hypervisor under this dom0. */
export class XenPort implements HypervisorPort {
  readonly host: HostDescription = {
    spec: 'xen',
    tellsReverted: false,
    tellsPlaces: false,
  };
  readonly #connection: XenConnection;
  readonly #ring: ConsoleRing;
  readonly #record: LoadedRecord | null;
  readonly #exclusively: Exclusively;
  /** Null until the payloads were looked at, and where not all of them are known. */
  #known: Known | null = null;

  /** Without a record, ids are always read back from Xen; `exclusively` is the lock against other runs. */
  constructor(
    connection: XenConnection,
    record: LoadedRecord | null = null,
    exclusively: Exclusively = (run) => run(),
  ) {
    this.#record = record;
    this.#exclusively = exclusively;
    this.#connection = connection;
    this.#ring = new ConsoleRing(connection);
  }

  /** The sysctl interface version that was agreed on. */
  get interfaceVersion(): InterfaceVersion {
    return this.#connection.version;
  }

  async observe(): Promise<Snapshot> {
    const { handle } = this.#connection;
    const version = await handle.readVersion();
    const text = `${version.major}.${version.minor}${version.extra}`;
    const buildId = await handle.readBuildId();
    const { list, dump } = await this.#readPayloads(buildId);
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

  /** List and dump that belong together: nothing was uploaded or unloaded in between. */
  async #readPayloads(hypervisor: BuildId | null): Promise<{
    readonly list: PayloadList;
    readonly dump: readonly (DumpedPayload | null)[];
  }> {
    for (let attempt = 0; attempt < MAX_OBSERVATIONS; attempt++) {
      const list = await readPayloadList(this.#connection);
      if (list.entries.length === 0) {
        this.#known = { stamp: list.stamp, payloads: [] };
        return { list, dump: [] };
      }
      const known = await this.#knownOf(list, hypervisor);
      if (known !== null) return { list, dump: known.payloads };
      const names = list.entries.map((entry) => entry.name);
      const payloads = await readDump(this.#connection, this.#ring, names);
      const after = await readPayloadList(this.#connection);
      if (after.stamp !== list.stamp) continue;
      await this.#remember(after, payloads, hypervisor);
      return { list: after, dump: payloads };
    }
    throw new XspliceError(
      'xen-list-changing',
      `The payloads changed during each of ${MAX_OBSERVATIONS} attempts to look at them`,
    );
  }

  /** What is known of the payloads of this list, from before or from the record; else null. */
  async #knownOf(list: PayloadList, hypervisor: BuildId | null): Promise<Known | null> {
    if (this.#known !== null && isCurrent(this.#known, list)) {
      await this.#record?.write(hypervisor, this.#known);
      return this.#known;
    }
    const recorded = (await this.#record?.read(hypervisor)) ?? null;
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
    return this.#withLog(async () => {
      const { handle, version } = this.#connection;
      const data = handle.data();
      data.bytes.set(bytes, 0);
      const { rc } = await handle.sysctl(
        encodeUpload(version, handle.argument(encoded), {
          address: data.address,
          sizeBytes: bytes.length,
        }),
      );
      if (rc === 0 && this.#known !== null) this.#known = afterUpload(this.#known, name, bytes);
      // A new payload's rc is 0. After a refusal there may be an older one of that name.
      return {
        hypercallRc: rc,
        payloadRc: rc === 0 ? 0 : ((await this.#get(encoded))?.rc ?? null),
      };
    });
  }

  async act(name: string, action: Action, options: ActionOptions): Promise<OperationResult> {
    const encoded = encodeName(name);
    return this.#withLog(async (log) => {
      const { handle, version } = this.#connection;
      const { rc } = await handle.sysctl(
        encodeAction(version, {
          name: handle.argument(encoded),
          action,
          ...options,
        }),
      );
      const hypercallRc = Math.min(rc, 0);
      if (action === 'UNLOAD' && rc === 0 && this.#known !== null) {
        this.#known = afterUnload(this.#known, name);
      }
      const timeoutMs = (options.timeoutNs || DEFAULT_TIMEOUT_NS) / 1e6 + SLACK_MS;
      const after = await this.#settle(encoded, hypercallRc === 0 ? action : null, timeoutMs);
      if (hypercallRc === 0 && action !== 'UNLOAD') await waitForLastWords(log, name);
      return { hypercallRc, payloadRc: after?.rc ?? null };
    });
  }

  exclusive<T>(run: () => Promise<T>): Promise<T> {
    return this.#exclusively(run);
  }

  async close(): Promise<void> {
    this.#connection.handle.close();
  }

  /** State and rc of one payload; null when Xen has none of that name. */
  async #get(encodedName: Uint8Array): Promise<PayloadStatus | null> {
    const { handle, version } = this.#connection;
    const { rc, bytes } = await handle.sysctl(encodeGet(version, handle.argument(encodedName)));
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
    accepted: Action | null,
    timeoutMs: number,
  ): Promise<PayloadStatus | null> {
    const started = performance.now();
    let pauseMs = 1;
    for (let poll = 0; ; poll++) {
      const status = await this.#get(encodedName);
      if (status?.rc !== EAGAIN) return status;
      const limitMs = isRunning(accepted, status) ? timeoutMs : LEFT_BEHIND_MS;
      if (performance.now() - started > limitMs) return status;
      if (poll < EAGER_POLLS) continue;
      await pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
    }
  }

  /** Attaches the time an operation took, and what Xen printed about live patches meanwhile. */
  async #withLog(
    operation: (log: OperationLog) => Promise<Pick<OperationResult, 'hypercallRc' | 'payloadRc'>>,
  ): Promise<OperationResult> {
    await this.#ring.readNew();
    const log = new OperationLog(this.#ring);
    const started = performance.now();
    const answers = await operation(log);
    const elapsedMs = performance.now() - started;
    return { ...answers, elapsedMs, log: await log.read() };
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

  /** All lines until now. */
  async read(): Promise<readonly string[]> {
    const { text, overwritten } = await this.#ring.readNew();
    this.#text += text;
    this.#overwritten ||= overwritten;
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
    const lines = await log.read();
    const words = lines.flatMap((line) => (line.startsWith(name) ? line.slice(name.length) : []));
    if (words.some((text) => LAST_WORDS.test(text))) return;
    const isPrinted = words.some((text) => FIRST_WORDS.test(text));
    if (!isPrinted || look >= EAGER_POLLS) await pause(1);
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
