import type { Line } from './options/parse.js';
import { type OptionValues, optionValues } from './options/values.js';
import { usage } from './usage.js';

/** What was typed, of all commands. */
export interface Settings extends OptionValues {
  /** The words behind the command. */
  readonly words: readonly string[];
  /** Options that were typed; the others have their defaults. */
  readonly given: readonly string[];
}

/** Longest timeout: Xen takes nanoseconds in 32 bits. */
const MAX_TIMEOUT_MS = 4294;

/** Reads what the parser made of the command line. Fails with `usage` (exit code 64). */
export function settingsFrom(line: Line): Settings {
  const values = optionValues(line);
  const given = Object.keys(line.options);
  return { ...values, check: checkOf(values), words: line.words, given };
}

/** What is compared: of payloads that are independent, the old code. Fails with `usage`. */
function checkOf({ check, mode }: Pick<OptionValues, 'check' | 'mode'>): OptionValues['check'] {
  if (mode !== 'independent') return check;
  if (check !== 'both') return 'old-code';
  throw usage('--mode independent compares old code alone, and --check both the parents too');
}

/** What --timeout says, for Xen; 0 without it, which is Xen's own default of 30 ms. Fails with `usage`. */
export function timeoutNs({ timeout: text }: Pick<Settings, 'timeout'>): number {
  if (text === null) return 0;
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value <= 0 || value > MAX_TIMEOUT_MS) {
    throw usage(
      `--timeout takes milliseconds above 0, at most ${MAX_TIMEOUT_MS}; it is ${JSON.stringify(text)}`,
      'It is the time for all CPUs to meet in one action; without it, Xen takes 30 ms.',
    );
  }
  return Math.round(value * 1_000_000);
}

/** Longest that a change may wait to be confirmed: a day. */
const MAX_CONFIRM_S = 86_400;
/** What brings something into effect. */
const CONFIRMABLE: readonly string[] = ['apply', 'replace', 'load'];

/**
 * What --confirm says; null without it. `planned` is what a saved plan does. Fails with `usage`, also where what is to be
 * taken back is not kept.
 */
export function confirmSeconds(
  { confirm: text, noStore }: Pick<Settings, 'confirm' | 'noStore'>,
  planned?: string,
): number | null {
  if (text === null) return null;
  const seconds = Number(text);
  if (!/^\d+$/.test(text) || seconds < 1 || seconds > MAX_CONFIRM_S) {
    throw usage(
      `--confirm takes whole seconds from 1 to ${MAX_CONFIRM_S}; it is ${JSON.stringify(text)}`,
    );
  }
  if (noStore) {
    throw usage(
      '--confirm needs what --no-store leaves out: the payloads, by which the way back is gone',
      'Leave out one of them.',
    );
  }
  if (planned === undefined || CONFIRMABLE.includes(planned)) return seconds;
  throw usage(
    `--confirm is for what is applied, and this plan is to ${planned}`,
    'Leave out --confirm.',
  );
}
