import { once } from 'node:events';
import { XspliceError } from '../../../findings/index.js';
import { badFrame, type Hello, MAX_FRAME, PROTOCOL, readHello } from './frames.js';
import { NO_INTERPRETER, STARTING, startingLine } from './line.js';
import { type Piped, start, type Transport, wordsOf } from './transport.js';
import { failureOf } from './transport-failure.js';

const AGENT = 'XSPLICE-AGENT ';
/** What a login shell prints before the agent starts is passed over, but not for ever. */
const MOST_PRELUDE_BYTES = 1024 * 1024;
/** The end of what was said on stderr is kept. */
const MOST_WORDS = 16 * 1024;
/** The agent takes a connection for dead that says nothing for longer. */
const PING_MS = 10_000;
/** Longer than the agent waits for a lock. */
const SILENCE_MS = 60_000;
/** An agent that was told to end and does not is left behind. */
const END_MS = 5_000;
/** What was written before the end has come by then. */
const LAST_WORDS_MS = 500;

interface Waiting {
  resolve(body: Buffer): void;
  reject(error: unknown): void;
}

/** What went over a connection. */
export interface Traffic {
  readonly requests: number;
  /** How often something was asked while nothing was being waited for. */
  readonly roundTrips: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/**
 * A connection to the agent on a host: requests go out at once and are answered in their order. Once it has failed,
 * every request fails the same way.
 */
export class AgentConnection {
  readonly spec: string;
  readonly #carrier: Piped;
  #words = '';
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #needed = 1;
  #failure: XspliceError | null = null;
  #hello: Hello | null = null;
  #isGreeted = false;
  #isClosing = false;
  readonly #waiting: Waiting[] = [];
  readonly #opened: Promise<Hello>;
  #open: { resolve(hello: Hello): void; reject(error: unknown): void } | null = null;
  readonly #traffic = { requests: 0, roundTrips: 0, sentBytes: 0, receivedBytes: 0 };

  private constructor(transport: Transport, source: Uint8Array) {
    this.spec = transport.spec;
    this.#opened = new Promise((resolve, reject) => {
      this.#open = { resolve, reject };
    });
    this.#carrier = start(wordsOf(transport, startingLine(source.length)));
    const { stdin, stdout, stderr } = this.#carrier;
    // Who is gone is seen by the end of the process.
    stdin.on('error', () => undefined);
    stderr.on('data', (chunk: Buffer) => {
      this.#words = (this.#words + chunk.toString('utf8')).slice(-MOST_WORDS);
    });
    stdout.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#carrier.on('error', (error) => this.#fail(failureOf(transport, null, error.message)));
    this.#carrier.on('exit', () => {
      // A process that it left behind, as ssh does with ControlPersist, may keep its output open.
      setTimeout(() => this.#destroyStreams(), LAST_WORDS_MS).unref();
    });
    this.#carrier.on('close', (status) => {
      if (this.#isClosing) this.#fail(lost(this.spec, 'it was closed'));
      else this.#fail(failureOf(transport, status, this.#words, this.#hello !== null));
    });
    // The source goes out with the connection: no round trip is lost for it.
    this.#send(source);
  }

  /**
   * Connects, and starts the agent with this source. Fails with `ssh-…`, `exec-failed`, `no-interpreter`,
   * `agent-version`, `agent-lost` and `agent-bad-frame`.
   */
  static async open(transport: Transport, source: Uint8Array): Promise<AgentConnection> {
    const connection = new AgentConnection(transport, source);
    await connection.#opened;
    connection.#keepAlive();
    return connection;
  }

  /** What the agent said of itself and its machine. */
  get hello(): Hello {
    if (this.#hello === null) throw this.#failure ?? lost(this.spec, 'it is not open');
    return this.#hello;
  }

  get traffic(): Traffic {
    return { ...this.#traffic };
  }

  /** The process that carries it, for tests that kill it. */
  get processId(): number | undefined {
    return this.#carrier.pid;
  }

  /** Asks for something; what comes is the body of the answer. */
  request(body: Uint8Array): Promise<Buffer> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#waiting.length === 0) this.#traffic.roundTrips++;
    this.#traffic.requests++;
    return this.#ask(body);
  }

  /** Asks for something of which nobody needs to know what came of it. */
  tell(body: Uint8Array): void {
    if (this.#failure !== null) return;
    this.#traffic.requests++;
    this.#ask(body).catch(() => undefined);
  }

  #ask(body: Uint8Array): Promise<Buffer> {
    const answer = new Promise<Buffer>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
    this.#send(body);
    return answer;
  }

  /** Tells the agent that this is the end, and waits for its own. Safe to call twice. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const child = this.#carrier;
    if (this.#failure !== null || child.exitCode !== null) return;
    const ended = once(child, 'close');
    child.stdin.end(Buffer.alloc(4));
    const late = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await ended.catch(() => undefined);
    clearTimeout(late);
  }

  #send(body: Uint8Array): void {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(body.length);
    this.#traffic.sentBytes += 4 + body.length;
    const { stdin } = this.#carrier;
    stdin.cork();
    stdin.write(head);
    stdin.write(body);
    queueMicrotask(() => stdin.uncork());
  }

  /** Says that this side is there, and asks for the same of the other one. */
  #keepAlive(): void {
    let heard = -1;
    let silentMs = 0;
    const timer = setInterval(() => {
      const { receivedBytes } = this.#traffic;
      silentMs = receivedBytes === heard ? silentMs + PING_MS : 0;
      heard = receivedBytes;
      if (silentMs >= SILENCE_MS)
        this.#fail(lost(this.spec, `it said nothing for ${SILENCE_MS / 1000} s`));
      if (this.#failure === null && !this.#isClosing)
        this.#ask(Buffer.from('N')).catch(() => undefined);
      else clearInterval(timer);
    }, PING_MS);
    timer.unref();
  }

  #take(chunk: Buffer): void {
    if (this.#failure !== null) return;
    this.#traffic.receivedBytes += chunk.length;
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    try {
      while (this.#failure === null && this.#receivedBytes >= this.#needed && this.#step());
    } catch (error) {
      this.#fail(error instanceof XspliceError ? error : badFrame(String(error)));
    }
  }

  /** Uses up what is there; false where more has to come. */
  #step(): boolean {
    const all = this.#received.length === 1 ? this.#received[0] : Buffer.concat(this.#received);
    if (all === undefined) return false;
    this.#received = [all];
    return this.#isGreeted ? this.#stepFrame(all) : this.#stepLine(all);
  }

  #stepLine(all: Buffer): boolean {
    const end = all.indexOf(10);
    if (end < 0) {
      if (all.length > MOST_PRELUDE_BYTES) throw badFrame('it printed a line without an end');
      this.#needed = all.length + 1;
      return false;
    }
    this.#rest(all, end + 1);
    const line = all.toString('latin1', 0, end).trimEnd();
    if (line === `${STARTING} ${NO_INTERPRETER}`) {
      throw new XspliceError(
        'no-interpreter',
        `${this.spec}: neither python3 nor python2 was found there`,
      );
    }
    if (!line.startsWith(AGENT)) {
      if (this.#traffic.receivedBytes > MOST_PRELUDE_BYTES) throw badFrame('it never began');
      return true;
    }
    const version = line.slice(AGENT.length);
    if (version !== String(PROTOCOL)) {
      throw new XspliceError(
        'agent-version',
        `${this.spec}: the agent there speaks protocol ${JSON.stringify(version.slice(0, 20))}, this program ${PROTOCOL}`,
      );
    }
    this.#isGreeted = true;
    return true;
  }

  #stepFrame(all: Buffer): boolean {
    if (all.length < 4) {
      this.#needed = 4;
      return false;
    }
    const size = all.readUInt32LE(0);
    if (size > MAX_FRAME) throw badFrame(`an answer of ${size} bytes; ${MAX_FRAME} is the most`);
    if (all.length < 4 + size) {
      this.#needed = 4 + size;
      return false;
    }
    this.#rest(all, 4 + size);
    const body = Buffer.from(all.subarray(4, 4 + size));
    if (this.#hello === null) {
      this.#hello = readHello(body);
      this.#open?.resolve(this.#hello);
      return true;
    }
    const next = this.#waiting.shift();
    if (next === undefined) throw badFrame('an answer to nothing');
    next.resolve(body);
    return true;
  }

  #rest(all: Buffer, from: number): void {
    this.#received = from === all.length ? [] : [all.subarray(from)];
    this.#receivedBytes = all.length - from;
    this.#needed = 1;
  }

  #destroyStreams(): void {
    const { stdin, stdout, stderr } = this.#carrier;
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
  }

  #fail(error: XspliceError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#received = [];
    if (this.#carrier.exitCode === null) this.#carrier.kill('SIGKILL');
    // What it started itself may go on writing.
    this.#destroyStreams();
    this.#open?.reject(error);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function lost(spec: string, why: string): XspliceError {
  return new XspliceError('agent-lost', `${spec}: the connection is lost: ${why}`);
}
