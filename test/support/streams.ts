import { Readable, Writable } from 'node:stream';
import type { OnSignal, Streams } from '../../cli/terminal/streams.js';

/** No signal comes. */
const noSignal: OnSignal = () => () => undefined;

/** Streams without a terminal, and what was written to them so far. */
export function capturedStreams(
  env: Streams['env'],
  onSignal: OnSignal = noSignal,
): {
  readonly streams: Streams;
  readonly stdout: () => string;
  readonly stderr: () => string;
} {
  const [stdout, stderr] = [new Capture(), new Capture()];
  return {
    streams: { stdin: Readable.from([]), stdout, stderr, env, onSignal },
    stdout: () => stdout.text(),
    stderr: () => stderr.text(),
  };
}

class Capture extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
