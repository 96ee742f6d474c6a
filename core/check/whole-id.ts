import { XspliceError } from '../findings/index.js';
import { type InputFile, idOrNull, readPayload } from '../payload/index.js';

/** Hex digits of a build-id as linkers make it (SHA-1). */
const WHOLE_DIGITS = 40;
/** Fewer digits are no beginning of an id. */
const MIN_DIGITS = 8;

/**
 * The hypervisor's id that begins with these digits, of those that payloads name, which are asked for where they are
 * needed; the digits themselves where they are a whole id, or stand for none or for several.
 */
export function wholeBuildId(digits: string, named: () => readonly (string | null)[]): string {
  const text = digits.trim().toLowerCase();
  if (text.length >= WHOLE_DIGITS || text.length < MIN_DIGITS) return digits;
  const [only, ...others] = new Set(named().filter((id) => id?.startsWith(text)));
  return only == null || others.length > 0 ? digits : only;
}

/** The hypervisor that a payload says it was built for; null where it does not say, or cannot be read. */
export function xenDependsOf({ bytes, file }: InputFile): string | null {
  try {
    return idOrNull(readPayload(bytes, file).xenDepends);
  } catch (error) {
    if (error instanceof XspliceError) return null;
    throw error;
  }
}
