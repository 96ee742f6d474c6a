import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** How the host is reached. */
export type Transport =
  | {
      readonly kind: 'ssh';
      /** As the user named it, in messages. */
      readonly spec: string;
      readonly user: string | null;
      readonly host: string;
      readonly port: number | null;
      /** Somebody is at the terminal, whom ssh may ask for a password, or whether to believe a new host. */
      readonly mayAsk: boolean;
    }
  /** A command that is given one more word, a line for a POSIX shell, and carries its input and output. */
  | { readonly kind: 'exec'; readonly spec: string; readonly words: readonly string[] };

/** A program with pipes for input, output and errors. */
export type Piped = ChildProcessByStdio<Writable, Readable, Readable>;

/** A host that says nothing for 45 seconds is gone; one that does not say who it is for 30 is not there. */
const ALIVE = ['ServerAliveInterval=15', 'ServerAliveCountMax=3', 'ConnectTimeout=30'].flatMap(
  (option) => ['-o', option],
);
/** Signals from the terminal are for this program, which ends what it began over this very connection. */
const WITHOUT_SIGNALS = 'trap "" INT QUIT HUP; exec "$@"';

/**
 * The words that run this line on the host. ssh is the system's: its configuration, agents, keys and known hosts count.
 */
export function wordsOf(transport: Transport, line: string): readonly string[] {
  if (transport.kind === 'exec') return [...transport.words, line];
  const { user, host, port, mayAsk } = transport;
  return [
    ...['ssh', '-T', ...ALIVE],
    ...(mayAsk ? [] : ['-o', 'BatchMode=yes']),
    ...(port === null ? [] : ['-p', String(port)]),
    ...(user === null ? [] : ['-l', user]),
    ...['--', host, line],
  ];
}

/** Starts these words; nothing in them is read by a shell. */
export function start(words: readonly string[]): Piped {
  return spawn('/bin/sh', ['-c', WITHOUT_SIGNALS, 'sh', ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}
