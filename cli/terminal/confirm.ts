import { createInterface } from 'node:readline/promises';
import { XspliceError } from '../../core/findings/index.js';
import type { Session } from '../session.js';
import { usage } from '../settings.js';

/**
 * Asks before something is changed, unless --yes says so already. Fails with `declined` on any answer
 * but yes, Ctrl-C and Ctrl-D included, and with `usage` (64) where there is nobody to ask.
 */
export async function confirm({ settings, output }: Session, question: string): Promise<void> {
  if (settings.yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY || output.json) {
    throw usage(
      'This would change the hypervisor, and there is no terminal to ask at',
      'Add --yes to do it, or --dry-run to only see the plan.',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const closed = new Promise<string>((resolve) => {
      terminal.once('close', () => resolve('')).once('SIGINT', () => terminal.close());
    });
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    terminal.close();
  }
  throw new XspliceError('declined', 'Nothing was changed: the answer was not yes');
}
