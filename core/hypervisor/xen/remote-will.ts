import { XEN_ERRNO } from '../../abi/errno.js';
import { LIVEPATCH_STATE, type PayloadState } from '../../abi/livepatch.js';
import { nameText } from '../../abi/payload-name.js';
import {
  encodeAction,
  encodeGet,
  encodeList,
  encodeName,
  GET_RC_OFFSET,
  GET_STATE_OFFSET,
  LIST_STAMP_OFFSET,
} from '../../abi/sysctl.js';
import type { Action, LastWill } from '../port.js';
import type { AgentConnection } from './handle/connection.js';
import {
  encodeBeginWill,
  encodeDropWill,
  encodeLock,
  encodePath,
  encodeStay,
  encodeUnlock,
  encodeWillChange,
  readErrno,
  type WillAnswer,
  type WillStep,
} from './handle/frames.js';
import type { Sysctl, XenConnection } from './handle/handle.js';
import { stampAfter } from './known.js';
import { SIZES_ONLY } from './list.js';
import { LOCK_FOLDER } from './lock-folder.js';
import { WILL_RECORD } from './will-record.js';

/** For the CPUs to meet: long enough for a host at full load, since an action whose hooks ran is not done twice. */
const TIMEOUT_NS = 2_000_000_000;
/** An action is over by then. */
const SETTLED_MS = 15_000;
/** Tries of a hypercall that finds Xen busy: some twenty seconds in all. */
const MOST_TRIES = 16;
const FIRST_PAUSE_MS = 10;
/** Xen lets the next action begin before it has called the post hooks of one: what is unloaded then is still in use. */
const LAST_WORDS_MS = 500;

/** What takes each of these back. */
const OPPOSITE = { UPLOAD: 'UNLOAD', APPLY: 'REVERT' } as const;
type Opposite = (typeof OPPOSITE)[keyof typeof OPPOSITE];

/**
 * The last will of an agent, put together here step by step: before each deed it is told what takes that back, and it
 * counts once Xen has accepted the deed. The agent knows nothing of what the hypercalls mean.
 */
export class RemoteWill implements LastWill {
  readonly #connection: AgentConnection;
  readonly #xen: XenConnection;
  #isBegun = false;
  /** What was asked for so that the agent stays; null where nobody did. */
  #stay: Uint8Array | null = null;

  constructor(connection: AgentConnection, xen: XenConnection) {
    this.#connection = connection;
    this.#xen = xen;
  }

  /** After this silence, in milliseconds, the connection counts as broken; 0: as long as without a will. */
  async begin(verb: string, silenceMs = 0): Promise<boolean> {
    this.#stay = null;
    const note = JSON.stringify({ formatVersion: 1, verb, since: new Date().toISOString() });
    this.#isBegun = (await this.#ask(encodeBeginWill(WILL_RECORD, note, silenceMs))) === 0;
    return this.#isBegun;
  }

  async drop(): Promise<void> {
    this.#isBegun = false;
    await this.#ask(this.#stay ?? encodeDropWill());
  }

  async stay(file: string, seconds: number): Promise<boolean> {
    if (!this.#isBegun) return false;
    const asked = encodeStay(file, LOCK_FOLDER, seconds * 1000);
    const isStaying = (await this.#ask(asked)) === 0;
    this.#stay = isStaying ? asked : null;
    return isStaying;
  }

  async isAwaited(folder: string): Promise<boolean> {
    const errno = await this.#ask(encodeLock(folder, 0));
    if (errno === 0) this.#connection.tell(encodeUnlock(folder));
    return errno === XEN_ERRNO.EBUSY;
  }

  forget(): void {
    this.#connection.tell(encodePath('X', WILL_RECORD));
  }

  async #ask(body: Uint8Array): Promise<number> {
    return readErrno(await this.#connection.request(body)).errno;
  }

  /**
   * What goes right before the hypercall of a deed. `stamp` is the list's before that, null where it is not known. What
   * this program takes back itself the will needs not know of: it finds it done.
   */
  before(
    deed: Action | 'UPLOAD',
    name: string,
    stamp: number | null,
  ): { readonly will?: Uint8Array } {
    if (!this.#isBegun) return {};
    const changesList = deed === 'UPLOAD' || deed === 'UNLOAD';
    const head = stamp === null ? [] : this.#listIs(changesList ? stampAfter(stamp) : stamp);
    const opposite = deed === 'UPLOAD' || deed === 'APPLY' ? OPPOSITE[deed] : null;
    const part = opposite === null ? [] : this.#partOf(opposite, name);
    return { will: encodeWillChange(0, { head, part }) };
  }

  /** Nobody else has uploaded or unloaded anything. */
  #listIs(stamp: number): readonly WillStep[] {
    const call = this.#call({ request: encodeList(this.#xen.version, SIZES_ONLY) });
    const answers = [{ rc: 0, isOrMore: true, holds: this.#at(LIST_STAMP_OFFSET, stamp), next: 1 }];
    return [{ words: 'the list of payloads', most: 1, pauseMs: 0, call, answers }];
  }

  /** Looks at the payload, acts, and looks again. What is not there any more, or was never done, needs nothing. */
  #partOf(action: Opposite, name: string): readonly WillStep[] {
    const encoded = encodeName(name);
    const { handle, version } = this.#xen;
    const argument = handle.argument(encoded.length);
    const is = (state: PayloadState, next: number): WillAnswer => ({
      ...{ rc: 0, holds: this.#at(GET_STATE_OFFSET, LIVEPATCH_STATE[state]), next },
    });
    const [looked, acts, acted, end] = [0, 1, 2, 3];
    const get: Sysctl = {
      request: encodeGet(version, argument),
      argument: encoded,
      poll: { offset: GET_RC_OFFSET, value: -XEN_ERRNO.EAGAIN, limitMs: SETTLED_MS },
    };
    const request = encodeAction(version, {
      ...{ name: argument, action, nodeps: false },
      timeoutNs: action === 'UNLOAD' ? 0 : TIMEOUT_NS,
    });
    const isGone: WillAnswer = { rc: -XEN_ERRNO.ENOENT, next: end };
    const words = `${action.toLowerCase()} of ${nameText(name)}`;
    return [
      {
        ...{
          words: `look at ${nameText(name)}`,
          most: MOST_TRIES,
          pauseMs: 0,
          call: this.#call(get),
        },
        answers:
          action === 'UNLOAD'
            ? [is('CHECKED', acts), isGone]
            : [is('APPLIED', acts), is('CHECKED', end), isGone],
      },
      {
        ...{ words, most: MOST_TRIES, call: this.#call({ request, argument: encoded }) },
        pauseMs: action === 'UNLOAD' ? LAST_WORDS_MS : FIRST_PAUSE_MS,
        answers: [
          { rc: 0, isOrMore: true, next: acted },
          { rc: -XEN_ERRNO.EBUSY, next: looked },
        ],
      },
      {
        ...{ words: `${words}, after it`, most: 1, pauseMs: 0, call: this.#call(get) },
        answers: [action === 'UNLOAD' ? isGone : is('CHECKED', end)],
      },
    ];
  }

  #call(sysctl: Sysctl) {
    return this.#xen.handle.callOf(sysctl);
  }

  /** A u32 of the struct. */
  #at(offset: number, value: number) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return { address: this.#xen.handle.struct.address + BigInt(offset), bytes };
  }
}
