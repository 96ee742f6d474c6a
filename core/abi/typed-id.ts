import { XspliceError } from '../findings/index.js';
import { type BuildId, parseBuildId } from './ids.js';

/** Fewest hex digits that stand for the build-id that starts with them. */
export const MIN_ID_DIGITS = 8;

/**
 * The hex digits of a build-id, or of its beginning, as people type them: in upper case, behind `0x`, with colons
 * between the bytes. Null for anything else, and for less than eight digits, which may be a name.
 */
export function typedDigits(text: string): string | null {
  const digits = hexDigits(text);
  return digits === null || digits.length < MIN_ID_DIGITS ? null : digits;
}

function hexDigits(text: string): string | null {
  const bare = text.trim().toLowerCase().replace(/^0x/, '');
  if (!/^[0-9a-f]+$|^[0-9a-f]{2}(?::[0-9a-f]{2})*(?::[0-9a-f]?)?$/.test(bare)) return null;
  return bare.replaceAll(':', '');
}

/** Those whose id these digits are, else those whose ids start with them. */
export function meantBy<T>(
  digits: string,
  all: readonly T[],
  idOf: (one: T) => string | null,
): readonly T[] {
  const meant = all.filter((one) => idOf(one)?.startsWith(digits));
  const exact = meant.filter((one) => idOf(one) === digits);
  return exact.length > 0 ? exact : meant;
}

/** Digits of the ids that linkers make: MD5, UUIDs and CodeView GUIDs; SHA-1. */
const WHOLE: readonly number[] = [32, 40];

/**
 * The build-id that was typed; of its beginning, the one of those that are known which starts so. Where none does,
 * it is what was typed. Fails with `bad-build-id`, and with `ambiguous-build-id` where several do.
 */
export function typedBuildId(text: string, known: () => Iterable<BuildId>): BuildId {
  const digits = hexDigits(text) ?? text;
  const isPart = digits.length >= MIN_ID_DIGITS && !WHOLE.includes(digits.length);
  const ids = isPart ? [...new Set(known())] : [];
  const meant = meantBy(digits, ids, (id) => id);
  const [only, ...others] = meant;
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined) return parseBuildId(digits);
  throw new XspliceError(
    'ambiguous-build-id',
    `${meant.length} build-ids start with ${digits}: ${meant.join(', ')}`,
  );
}
