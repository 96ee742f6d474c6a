import { createReadStream, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { MARK } from './marks.js';

/** The second serial port, as dom0 sees it. */
const PORT = '/dev/ttyS1';

/** Writes a line of an answer. */
export function say(text: string): void {
  const bytes = Buffer.from(`${text}\n`);
  for (let done = 0; done < bytes.length; ) done += writeSync(1, bytes, done);
}

/**
 * Runs in dom0: takes lines, for each of which `answer` says what there is to say. Returns when the port is
 * closed, which is never.
 */
export async function serve(answer: (line: string) => Promise<void>): Promise<void> {
  say(MARK.ready);
  for await (const line of createInterface({ input: createReadStream(PORT) })) {
    await answer(line.trim());
    say(MARK.ready);
  }
}
