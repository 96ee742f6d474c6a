import type { Readable, Writable } from 'node:stream';
import type { XspliceError } from '../../../findings/index.js';
import { start, type Transport, wordsOf } from './transport.js';
import { failureOf } from './transport-failure.js';

/** Two streams that lead to an agent, and the end of them. */
export interface Carrier {
  /** As the user named the host, in messages. */
  readonly spec: string;
  readonly input: Writable;
  readonly output: Readable;
  /** The process that carries it; undefined where none does. */
  readonly processId: number | undefined;
  hasEnded(): boolean;
  /** Is called once it is over. `failure` says why, of a connection over which the agent had begun to answer or not. */
  onEnd(listener: (failure: (wasOpen: boolean) => XspliceError) => void): void;
  /** Ends it at once. */
  kill(): void;
}

/** The end of what was said on stderr is kept. */
const MOST_WORDS = 16 * 1024;
/** What was written before the end has come by then. */
const LAST_WORDS_MS = 500;

/** A process that runs this line on the host. */
export function processCarrier(transport: Transport, line: string): Carrier {
  const child = start(wordsOf(transport, line));
  const { stdin, stdout, stderr } = child;
  let words = '';
  // Who is gone is seen by the end of the process.
  stdin.on('error', () => undefined);
  stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-MOST_WORDS);
  });
  const destroy = (): void => {
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
  };
  child.on('exit', () => {
    // A process that it left behind, as ssh does with ControlPersist, may keep its output open.
    setTimeout(destroy, LAST_WORDS_MS).unref();
  });
  return {
    spec: transport.spec,
    input: stdin,
    output: stdout,
    processId: child.pid,
    hasEnded: () => child.exitCode !== null,
    onEnd(listener) {
      child.on('error', (error) => listener(() => failureOf(transport, null, error.message)));
      child.on('close', (status) =>
        listener((wasOpen) => failureOf(transport, status, words, wasOpen)),
      );
    },
    kill() {
      if (child.exitCode === null) child.kill('SIGKILL');
      // What it started itself may go on writing.
      destroy();
    },
  };
}
