import { type Finding, finding } from '../../core/findings/index.js';
import type { WaitingChange } from '../unconfirmed.js';

/** In a sentence, with what to do. */
export function waitingText({ entry, state, secondsLeft, reason, isOpen }: WaitingChange): string {
  const back = isOpen ? 'xsplice-ts recover --back takes it back' : 'xsplice-ts undo takes it back';
  const both = `${back}, xsplice-ts confirm keeps it`;
  switch (state) {
    case 'waiting':
      return secondsLeft === 0
        ? `Change ${entry} was not confirmed in time, and is being taken back`
        : `Change ${entry} is taken back in ${secondsLeft} s: xsplice-ts confirm keeps it`;
    case 'unattended':
      return `Change ${entry} is not confirmed, and nobody will take it back: the process that waited was killed. ${both}`;
    case 'failed':
      return `Change ${entry} was not confirmed, and could not be taken back: ${reason}. ${both}`;
    case 'overtaken':
      return `Change ${entry} is not confirmed, and is not taken back: what is loaded was changed since. xsplice-ts confirm ends this`;
  }
}

/** The same for programs. */
export function waitingFields(waiting: WaitingChange | null): object | null {
  if (waiting === null) return null;
  const { entry, state, secondsLeft, reason } = waiting;
  return { entry, state, secondsLeft, reason };
}

/** Said before another change is made. */
export function waitingFinding({ entry, secondsLeft }: WaitingChange): Finding {
  const when = secondsLeft === null ? '' : `, and is to be taken back in ${secondsLeft} s`;
  return finding('change-unconfirmed', {
    message: `Change ${entry} is not confirmed${when}: with another change on it, it stays`,
  });
}
