import { createInterface } from 'node:readline/promises';
import { XspliceError } from '../../core/findings/index.js';
import type { Session } from '../session.js';
import { usage } from '../usage.js';
import { safeText } from './screen.js';

/**
 * Asks before something is changed, unless --yes says so already. Fails with `declined` on any answer
 * but yes, Ctrl-C and Ctrl-D included, and with `usage` (64) where there is nobody to ask, or --quiet
 * left out what the question is about; `what` would change. After Ctrl-Z and `fg` it asks again.
 */
export async function confirm(
  { command, settings, output, streams }: Session,
  question: string,
  what = 'the hypervisor',
): Promise<void> {
  if (settings.yes) return;
  const { stdin, stderr } = streams;
  if (settings.quiet) {
    throw usage(
      `This would change ${what}, and with --quiet the question is not asked`,
      'Add --yes to do it, or leave out --quiet to see what it is.',
    );
  }
  if (!stdin.isTTY || !stderr.isTTY || !output.isForPeople) {
    throw usage(
      `This would change ${what}, and there is no terminal to ask at`,
      command === 'init' || command === 'store'
        ? 'Add --yes to do it.'
        : 'Add --yes to do it, or --dry-run to only see the plan.',
    );
  }
  // A dumb terminal has lines of its own, and is told nothing but text.
  const { canOverwrite } = output.notes.style;
  const terminal = createInterface({ input: stdin, output: stderr, terminal: canOverwrite });
  try {
    const closed = new Promise<null>((resolve) => {
      terminal
        .once('close', () => resolve(null))
        .once('SIGINT', () => terminal.close())
        // It comes back paused: nothing would be left to wait for.
        .on('SIGCONT', () => terminal.prompt(true));
    });
    const asked = terminal.question(`${safeText(question)} [y/N] `);
    const answer = await Promise.race([asked, closed]);
    // Who ended the question has not ended its line.
    if (answer === null) output.notes.line('');
    if (/^y(es)?$/i.test(answer?.trim() ?? '')) return;
  } finally {
    terminal.close();
  }
  throw new XspliceError('declined', 'Nothing was changed: the answer was not yes');
}
