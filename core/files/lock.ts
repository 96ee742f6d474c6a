import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { readdir, rename, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { XspliceError } from '../findings/index.js';
import { draftOf, isDraft } from './durable-file.js';
import { codeOf, reasonOf } from './system-error.js';

/** Those before are waited for so long. */
const PATIENCE_MS = 10_000;
/** Who lives answers within this, unless it is stopped or has no processor. */
const ANSWER_MS = 500;
/** Between two questions to one that is looking around. */
const PAUSE_MS = 2;
/** Calls that something came between are made again so often. */
const MOST_TRIES = 10;

/** `lock.MILLISECONDS.PROCESS.RANDOM`: in the order of their names they wait. */
const NAME = /^lock\.\d{13}\.(\d+)\.[0-9a-f]{16}$/;

/** How the lock is taken. */
export interface LockOptions {
  /** What is locked, as the message begins: `embedded:DIR`. */
  readonly what: string;
  /** How long others are waited for that live, in milliseconds; ten seconds where it is left out. */
  readonly patienceMs?: number;
}

/**
 * Runs something while nobody else runs something under the lock of the same folder, which is there and
 * trusted. Fails with `state-locked` (exit code 2), which names the holder, and with `state-not-writable`.
 *
 * Who wants the lock listens on a socket in the folder. To connect to it is refused exactly when its process
 * has died, in whatever way and whatever number it has here; no name is used twice, so what is found dead can be
 * removed without a second look. Everybody first listens and then looks around: it has the lock when nobody before
 * it lives, and nobody behind it has the lock. One behind it may have looked before it was there. So that one is
 * asked, and says whether it is looking around (then it is asked again), waits (it will see who was before it) or has
 * the lock.
 */
export async function withLock<T>(
  folder: string,
  options: LockOptions,
  run: () => Promise<T>,
): Promise<T> {
  const held = await take(folder, options);
  try {
    return await run();
  } finally {
    await held.release();
  }
}

/** True while somebody has the lock of a folder, or waits for it. False where there is no such folder. */
export async function isLocked(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  for (const name of names.filter((one) => NAME.test(one))) {
    const other = await meet(folder, name);
    other?.socket.destroy();
    if (other !== null) return true;
  }
  return false;
}

/** True for the name of a lock or of its draft: what a killed process leaves of one. */
export function isLock(name: string): boolean {
  return NAME.test(name.replace(/\.[0-9a-f]{12}\.new$/, ''));
}

async function take(
  folder: string,
  { what, patienceMs = PATIENCE_MS }: LockOptions,
): Promise<Listener> {
  const deadline = performance.now() + patienceMs;
  let mine: Listener | null = null;
  try {
    mine = await listen(folder);
    /** Of those behind: they wait. */
    const waiting = new Set<string>();
    for (;;) {
      mine.state = 'looks';
      const other = await blockingOne(folder, mine.name, waiting, deadline);
      if (other === null) {
        mine.state = 'holds';
        mine.since = new Date().toISOString();
        return mine;
      }
      mine.state = 'waits';
      const isGone = await within(deadline - performance.now(), other.gone);
      other.socket.destroy();
      if (!isGone) throw await inUse(what, folder, mine.name, other.name);
    }
  } catch (error) {
    await mine?.release();
    if (error instanceof XspliceError) throw error;
    const message = `${folder} cannot be locked: ${reasonOf(error)}`;
    throw new XspliceError('state-not-writable', message, { cause: error });
  }
}

/** What a process that has the lock or wants it says of itself. */
interface Answer {
  readonly state: 'looks' | 'waits' | 'holds';
  readonly process: number;
  /** In which its number counts; empty where that is not known. */
  readonly space: string;
  /** From when on it has the lock; null until it has. */
  readonly since: string | null;
}

/** This process's own place. */
class Listener {
  readonly name: string;
  state: Answer['state'] = 'looks';
  since: string | null = null;
  readonly #path: string;
  readonly #server: Server;
  readonly #callers = new Set<Socket>();

  constructor(folder: string, name: string, server: Server) {
    this.#path = join(folder, name);
    this.name = name;
    this.#server = server;
    server.unref();
    // Who cannot be let in, since no more files may be open, sees all the same that somebody is there.
    server.on('error', () => undefined);
    server.on('connection', (socket) => {
      socket.unref();
      this.#callers.add(socket);
      // Who asks may have gone before it is answered.
      socket.on('error', () => undefined).on('close', () => this.#callers.delete(socket));
      const { state, since } = this;
      const answer: Answer = { state, process: process.pid, space: processSpace(), since };
      socket.write(`${JSON.stringify(answer)}\n`);
    });
  }

  /** Lets go: first of the name, and then of all who wait. */
  async release(): Promise<void> {
    await unlink(this.#path).catch(() => undefined);
    this.#server.close();
    for (const socket of this.#callers) socket.destroy();
  }
}

/** Listens under a new name. The name is there only once it does: what is found to be dead is dead. */
function listen(folder: string): Promise<Listener> {
  return tried(async () => {
    const name = `lock.${Date.now()}.${process.pid}.${randomBytes(8).toString('hex')}`;
    const draft = draftOf(name);
    const server = createServer();
    try {
      await inFolder(
        folder,
        (address) =>
          new Promise<void>((resolve, reject) => {
            server.once('error', reject);
            server.listen(address(draft), resolve);
          }),
      );
      server.removeAllListeners('error');
      const listener = new Listener(folder, name, server);
      await rename(join(folder, draft), join(folder, name));
      return listener;
    } catch (error) {
      server.close();
      await unlink(join(folder, draft)).catch(() => undefined);
      throw error;
    }
  });
}

/** Another process with the lock, or that wants it. */
interface Other {
  readonly name: string;
  readonly socket: Socket;
  /** Ends when it lets go or dies. */
  readonly gone: Promise<void>;
  /** What it says of itself; null where it goes without a word. */
  readonly answer: Promise<Answer | null>;
}

/** One for which `own` has to wait; null where there is none. What the dead have left is removed. */
async function blockingOne(
  folder: string,
  own: string,
  waiting: Set<string>,
  deadline: number,
): Promise<Other | null> {
  const all = (await readdir(folder)).filter(isLock).sort();
  for (const draft of all.filter(isDraft)) (await meet(folder, draft))?.socket.destroy();
  const names = all.filter((name) => !isDraft(name));
  for (const name of names.filter((one) => one < own).reverse()) {
    const other = await meet(folder, name);
    if (other !== null) return other;
  }
  for (const name of names.filter((one) => one > own && !waiting.has(one))) {
    const other = await holderBehind(folder, name, deadline);
    if (other !== null) return other;
    waiting.add(name);
  }
  return null;
}

/** One behind that has the lock, or does not say in time whether it has; null where it waits, or has gone. */
async function holderBehind(folder: string, name: string, deadline: number): Promise<Other | null> {
  for (;;) {
    const other = await meet(folder, name);
    if (other === null) return null;
    const leftMs = Math.max(deadline - performance.now(), ANSWER_MS);
    if (!(await within(leftMs, other.answer))) return other;
    const state = (await other.answer)?.state;
    if (state === 'holds') return other;
    other.socket.destroy();
    if (state === 'waits') return null;
    await sleep(PAUSE_MS);
  }
}

/** Null where nobody listens there any more; the name is removed then. */
async function meet(folder: string, name: string): Promise<Other | null> {
  const other = await tried(() => inFolder(folder, (address) => connected(name, address(name))));
  if (other === null) await unlink(join(folder, name)).catch(() => undefined);
  return other;
}

function connected(name: string, address: string): Promise<Other | null> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(address).setEncoding('utf8');
    const gone = new Promise<void>((end) => socket.once('close', () => end()));
    const answer = new Promise<Answer | null>((end) => {
      // It is one short write, which comes whole.
      socket.once('data', (text: string) => end(answerIn(text))).once('close', () => end(null));
    });
    const other: Other = { name, socket, gone, answer };
    socket.once('connect', () => resolve(other));
    socket.on('error', (error) => {
      const code = codeOf(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(null);
      // It let go before it let this one in; or more wait for it than there is room for.
      else if (['ECONNRESET', 'EPIPE', 'EAGAIN'].includes(code ?? '')) resolve(other);
      else reject(error);
    });
  });
}

/**
 * Calls something with addresses of sockets in a folder. An address has room for some hundred bytes, which the
 * folder's path may need for itself: where Linux has it, the folder is named by its open handle.
 */
async function inFolder<T>(
  folder: string,
  call: (address: (name: string) => string) => Promise<T>,
): Promise<T> {
  if (process.platform !== 'linux') return call((name) => join(folder, name));
  const handle = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await call((name) => `/proc/self/fd/${handle}/${name}`);
  } finally {
    closeSync(handle);
  }
}

/** Does it again where a signal came between, or somebody removed a draft on which nobody listened yet. */
async function tried<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      const passes = ['EINTR', 'ENOENT'].includes(codeOf(error) ?? '');
      if (!passes || tries >= MOST_TRIES) throw error;
    }
  }
}

/** True where something ends in time. */
async function within(limitMs: number, end: Promise<unknown>): Promise<boolean> {
  const stop = new AbortController();
  const late = sleep(Math.max(limitMs, 0), false, { signal: stop.signal }).catch(() => false);
  return Promise.race([end.then(() => true), late]).finally(() => stop.abort());
}

/** The error that names who has the lock; where nobody says that it has, the one that is in the way. */
async function inUse(
  what: string,
  folder: string,
  own: string,
  blocking: string,
): Promise<XspliceError> {
  const names = (await readdir(folder)).filter((name) => NAME.test(name) && name !== own);
  const answers = await Promise.all(
    names.map(async (name) => {
      const other = await meet(folder, name);
      if (other === null) return null;
      const isAnswered = await within(ANSWER_MS, other.answer);
      other.socket.destroy();
      return isAnswered ? other.answer : null;
    }),
  );
  const holder = answers.find((answer) => answer?.state === 'holds');
  if (holder?.since) {
    const where = holder.space === processSpace() ? '' : ' of another process namespace';
    const since = holder.since.replace('T', ' ').replace(/\..*/, ' UTC');
    const message = `${what} is in use by process ${holder.process}${where} since ${since}`;
    return new XspliceError('state-locked', message);
  }
  // It is stopped, or has no processor: its name tells its number.
  const number = NAME.exec(blocking)?.[1];
  const message = `${what} is in use by process ${number}, which does not answer`;
  return new XspliceError('state-locked', message);
}

/** Null where it is not one. */
function answerIn(text: string): Answer | null {
  try {
    const { state, process: number, space, since }: Record<string, unknown> = JSON.parse(text);
    if (state !== 'looks' && state !== 'waits' && state !== 'holds') return null;
    if (!Number.isSafeInteger(number) || typeof space !== 'string') return null;
    return {
      state,
      process: Number(number),
      space,
      since: typeof since === 'string' ? since : null,
    };
  } catch {
    return null;
  }
}

function processSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
