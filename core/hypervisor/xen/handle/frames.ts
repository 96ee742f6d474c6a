import type { GuestBytes } from '../../../abi/sysctl.js';
import { XspliceError } from '../../../findings/index.js';
import type { Hypercall, HypercallAnswer, Send } from './hypercalls.js';

/**
 * The protocol of the agent (agent.py has it in words), as plain functions over bytes. What comes from a host is checked:
 * no length is believed, and nothing is allocated that is not there.
 */

export const PROTOCOL = 2;
/** Longest frame, either way. */
export const MAX_FRAME = 8 * 1024 * 1024;
/** A file is read in parts of this size. */
export const FILE_PART = 4 * 1024 * 1024;

/** What the agent says first. */
export interface Hello {
  /** Errno of opening the device for hypercalls; 0 where it is open. */
  readonly errno: number;
  /** Memory that it has already; empty where the device is not open. */
  readonly memory: GuestBytes;
  readonly user: number;
  /** `python 3.6`; untrusted, as are the others. */
  readonly interpreter: string;
  readonly hostName: string;
  /** The device that could not be opened, where one could not. */
  readonly device: string;
}

/** Fails with `agent-bad-frame`. */
export function badFrame(what: string): XspliceError {
  return new XspliceError('agent-bad-frame', `What comes from the agent makes no sense: ${what}`);
}

/** Reads values one after another; one that is not there is `agent-bad-frame`. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  #next(sizeBytes: number): number {
    const at = this.#at;
    if (sizeBytes > this.#bytes.length - at) {
      throw badFrame(`${sizeBytes} bytes at ${at} of an answer of ${this.#bytes.length}`);
    }
    this.#at = at + sizeBytes;
    return at;
  }

  i32(): number {
    return this.#bytes.readInt32LE(this.#next(4));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#next(4));
  }

  i64(): bigint {
    return this.#bytes.readBigInt64LE(this.#next(8));
  }

  u64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#next(8));
  }

  bytes(sizeBytes: number): Buffer {
    const at = this.#next(sizeBytes);
    return this.#bytes.subarray(at, at + sizeBytes);
  }

  /** Up to the next NUL. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw badFrame('a text without an end');
    return this.bytes(end + 1 - this.#at)
      .toString('utf8')
      .slice(0, -1);
  }

  rest(): Buffer {
    return this.bytes(this.#bytes.length - this.#at);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) {
      throw badFrame(`${this.#bytes.length - this.#at} bytes too many in an answer`);
    }
  }
}

export function readHello(body: Buffer): Hello {
  const from = new Reader(body);
  const errno = from.i32();
  const memory = { address: from.u64(), sizeBytes: from.u32() };
  const user = from.u32();
  const texts = { interpreter: from.text(), hostName: from.text(), device: from.text() };
  from.end();
  return { errno, memory, user, ...texts };
}

function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, 4 * index);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function i64(value: bigint): Buffer {
  return u64(BigInt.asUintN(64, value));
}

/** The request for a hypercall. */
export function encodeHypercall(call: Hypercall): Buffer {
  const { hypercall, arguments: args, sends, receives, poll } = call;
  return Buffer.concat([
    Buffer.from('H'),
    u32(sends.length),
    ...sends.flatMap(({ address, bytes }) => [u64(address), u32(bytes.length), bytes]),
    u32(receives.length),
    ...receives.flatMap(({ address, sizeBytes }) => [u64(address), u32(sizeBytes)]),
    ...[u32(hypercall), u64(args[0]), u64(args[1] ?? 0n)],
    ...[u64(poll?.address ?? 0n), u32(poll?.value ?? 0, Math.ceil(poll?.limitMs ?? 0))],
  ]);
}

/** The answer to {@link encodeHypercall}. */
export function readHypercall(body: Buffer, { receives }: Hypercall): HypercallAnswer {
  const from = new Reader(body);
  const rc = Number(from.i64());
  if (!Number.isSafeInteger(rc)) throw badFrame(`the result ${rc}`);
  const received = receives.map(({ sizeBytes }) => {
    const size = from.u32();
    if (size > sizeBytes) throw badFrame(`${size} bytes where ${sizeBytes} were asked for`);
    const whole = new Uint8Array(sizeBytes);
    whole.set(from.bytes(size));
    return whole;
  });
  from.end();
  return { rc, received };
}

/** More memory. */
export function encodeAllocate(sizeBytes: number): Buffer {
  return Buffer.concat([Buffer.from('A'), u32(sizeBytes)]);
}

export function readAllocate(body: Buffer): { readonly errno: number; readonly address: bigint } {
  const from = new Reader(body);
  const answer = { errno: from.i32(), address: from.u64() };
  from.end();
  return answer;
}

/** A part of a file. */
export function encodeRead(path: string, offset: number): Buffer {
  return Buffer.concat([Buffer.from('F'), u32(offset, FILE_PART), Buffer.from(path)]);
}

export function readPart(body: Buffer): {
  readonly errno: number;
  readonly sizeBytes: bigint;
  readonly bytes: Buffer;
} {
  const from = new Reader(body);
  return { errno: from.i32(), sizeBytes: from.u64(), bytes: from.rest() };
}

/** What a path names: `D` the names in a folder, `O` a file of our own, `X` to remove one. */
export function encodePath(kind: 'D' | 'O' | 'X', path: string): Buffer {
  return Buffer.concat([Buffer.from(kind), Buffer.from(path)]);
}

/** `W`: puts a file in place, `P`: adds to its end. */
export function encodeWrite(kind: 'W' | 'P', path: string, bytes: Uint8Array): Buffer {
  const name = Buffer.from(path);
  return Buffer.concat([Buffer.from(kind), u32(name.length), name, bytes]);
}

/** An errno, 0 or positive, and what came behind it. */
export function readErrno(body: Buffer): { readonly errno: number; readonly bytes: Buffer } {
  const from = new Reader(body);
  return { errno: from.i32(), bytes: from.rest() };
}

/** A step of a last will (agent.py, Steps): a hypercall, and where it goes on after what it answered. */
export interface WillStep {
  /** What it does, for the record. */
  readonly words: string;
  /** It is done so often at most. */
  readonly most: number;
  /** Waited before it, twice as long each time. */
  readonly pauseMs: number;
  readonly call: Hypercall;
  /** The first that fits counts. Where none does, something is not as it was foreseen, and nothing more is done. */
  readonly answers: readonly WillAnswer[];
}

export interface WillAnswer {
  /** The result, or the least that fits where `isOrMore`. */
  readonly rc: number;
  readonly isOrMore?: boolean;
  /** What has to be in memory then. */
  readonly holds?: Send;
  /** The next step; one behind the last is the end. */
  readonly next: number;
}

const MOST_RC = 0x7fff_ffff_ffff_ffffn;

function encodeSteps(steps: readonly WillStep[]): Buffer {
  const withLength = (bytes: Uint8Array) => [u32(bytes.length), bytes];
  const encoded = steps.flatMap(({ words, most, pauseMs, call, answers }) => [
    u32(most, pauseMs),
    ...withLength(Buffer.from(words)),
    ...withLength(encodeHypercall(call)),
    u32(answers.length),
    ...answers.flatMap(({ rc, isOrMore, holds, next }) => [
      ...[i64(BigInt(rc)), i64(isOrMore ? MOST_RC : BigInt(rc)), u64(holds?.address ?? 0n)],
      ...withLength(holds?.bytes ?? Buffer.alloc(0)),
      u32(next),
    ]),
  ]);
  return Buffer.concat(encoded);
}

/** `V`: there is a last will from now on; what it does is written there, behind a note. 0: silence as usual. */
export function encodeBeginWill(path: string, note: string, silenceMs = 0): Buffer {
  return encodeTimed('V', silenceMs, path, note);
}

/**
 * `S`: the agent stays when the connection ends. After so long it takes the lock of `changes` and carries its will out, if that
 * file is then as it was at the end.
 */
export function encodeStay(path: string, changes: string, afterMs: number): Buffer {
  return encodeTimed('S', afterMs, path, changes);
}

function encodeTimed(kind: string, ms: number, path: string, rest: string): Buffer {
  const name = Buffer.from(path);
  return Buffer.concat([Buffer.from(kind), u32(ms, name.length), name, Buffer.from(rest)]);
}

/**
 * `L`: when the next hypercall has this result, these steps are done before the others of the last will, and `head`
 * before all of them. Null: there is no will any more then.
 */
export function encodeWillChange(
  result: number,
  will: { readonly head: readonly WillStep[]; readonly part: readonly WillStep[] } | null,
): Buffer {
  const start = [Buffer.from('L'), i64(BigInt(result))];
  if (will === null) return Buffer.concat(start);
  const head = encodeSteps(will.head);
  return Buffer.concat([...start, u32(head.length), head, encodeSteps(will.part)]);
}

/** `C`: there is no last will any more. */
export function encodeDropWill(): Buffer {
  return Buffer.from('C');
}

/** The lock of a folder, which others are waited for so long. */
export function encodeLock(folder: string, patienceMs: number): Buffer {
  return Buffer.concat([Buffer.from('K'), u32(patienceMs), Buffer.from(folder)]);
}

export function encodeUnlock(folder: string): Buffer {
  return Buffer.concat([Buffer.from('U'), Buffer.from(folder)]);
}
