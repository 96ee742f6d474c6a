import { XspliceError } from '../../../findings/index.js';
import type { Carrier } from './carrier.js';
import { badFrame, type Hello, MAX_FRAME, PROTOCOL, readHello } from './frames.js';
import { NO_INTERPRETER, STARTING } from './line.js';

const AGENT = 'XSPLICE-AGENT ';
/** What a login shell prints before the agent starts is passed over, but not for ever. */
const MOST_PRELUDE_BYTES = 1024 * 1024;
/** How a host is noticed that is gone while its connection is not. */
export interface Watch {
  /** Between two signs of life that are asked for. The agent takes a connection for dead that says nothing for longer. */
  readonly everyMs: number;
  /** A host that says nothing for so long is given up. Longer than the agent waits for a lock. */
  readonly silenceMs: number;
}

const WATCH: Watch = { everyMs: 10_000, silenceMs: 60_000 };
/** An agent that was told to end and does not is left behind. */
const END_MS = 5_000;

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
  readonly #carrier: Carrier;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #needed = 1;
  #failure: XspliceError | null = null;
  #hello: Hello | null = null;
  #isGreeted = false;
  #isClosing = false;
  readonly #waiting: Waiting[] = [];
  readonly #opened: Promise<Hello>;
  readonly #ended: Promise<void>;
  #open: { resolve(hello: Hello): void; reject(error: unknown): void } | null = null;
  readonly #traffic = { requests: 0, roundTrips: 0, sentBytes: 0, receivedBytes: 0 };

  private constructor(carrier: Carrier, source: Uint8Array | null) {
    this.spec = carrier.spec;
    this.#carrier = carrier;
    this.#opened = new Promise((resolve, reject) => {
      this.#open = { resolve, reject };
    });
    carrier.output.on('data', (chunk: Buffer) => this.#take(chunk));
    const ended = new Promise<void>((resolve) => {
      carrier.onEnd((failure) => {
        if (this.#isClosing) this.#fail(lost(this.spec, 'it was closed'));
        else this.#fail(failure(this.#hello !== null));
        resolve();
      });
    });
    this.#ended = ended;
    // The source goes out with the connection: no round trip is lost for it.
    if (source !== null) this.#send(source);
  }

  /**
   * Connects, and starts the agent with this source; null where one runs already. Fails with `ssh-…`, `exec-failed`, `no-interpreter`,
   * `agent-version`, `agent-lost` and `agent-bad-frame`.
   */
  static async open(
    carrier: Carrier,
    source: Uint8Array | null,
    watch: Watch = WATCH,
  ): Promise<AgentConnection> {
    const connection = new AgentConnection(carrier, source);
    await connection.#opened;
    connection.#keepAlive(watch);
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
    return this.#carrier.processId;
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

  /** Says something that has no answer. */
  post(body: Uint8Array): void {
    if (this.#failure !== null) return;
    this.#traffic.requests++;
    this.#send(body);
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
    const carrier = this.#carrier;
    if (this.#failure !== null || carrier.hasEnded()) return;
    carrier.input.end(Buffer.alloc(4));
    const late = setTimeout(() => carrier.kill(), END_MS);
    await this.#ended;
    clearTimeout(late);
  }

  #send(body: Uint8Array): void {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(body.length);
    this.#traffic.sentBytes += 4 + body.length;
    const { input } = this.#carrier;
    input.cork();
    input.write(head);
    input.write(body);
    queueMicrotask(() => input.uncork());
  }

  /** Says that this side is there, and asks for the same of the other one. */
  #keepAlive({ everyMs, silenceMs: limitMs }: Watch): void {
    let heard = -1;
    let silentMs = 0;
    const timer = setInterval(() => {
      const { receivedBytes } = this.#traffic;
      silentMs = receivedBytes === heard ? silentMs + everyMs : 0;
      heard = receivedBytes;
      if (silentMs >= limitMs)
        this.#fail(lost(this.spec, `it said nothing for ${limitMs / 1000} s`));
      if (this.#failure === null && !this.#isClosing)
        this.#ask(Buffer.from('N')).catch(() => undefined);
      else clearInterval(timer);
    }, everyMs);
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

  #fail(error: XspliceError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#received = [];
    this.#carrier.kill();
    this.#open?.reject(error);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function lost(spec: string, why: string): XspliceError {
  return new XspliceError('agent-lost', `${spec}: the connection is lost: ${why}`);
}
