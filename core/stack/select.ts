import { nameText } from '../abi/payload-name.js';
import { pathBytes } from '../abi/raw-path.js';
import { alike, didYouMean, XspliceError } from '../findings/index.js';
import type { LoadedPayload, Snapshot } from '../hypervisor/index.js';

/** Fewest hex digits that stand for the build-id that starts with them. */
export const MIN_ID_DIGITS = 8;

/**
 * The loaded payload that a person means by a name, a build-id, or the first eight or more digits of
 * one. A name that fits wins over an id. Fails with `no-such-payload` or `ambiguous-build-id`.
 */
export function selectLoaded(snapshot: Snapshot, text: string): LoadedPayload {
  const name = pathBytes(text).toString('latin1');
  const named = snapshot.payloads.find((payload) => payload.name === name);
  if (named) return named;
  const digits = text.trim().toLowerCase();
  const isId = digits.length >= MIN_ID_DIGITS && /^[0-9a-f]+$/.test(digits);
  const matches = isId
    ? snapshot.payloads.filter((payload) => payload.buildId?.startsWith(digits))
    : [];
  const exact = matches.find((payload) => payload.buildId === digits);
  const [only, ...others] = exact ? [exact] : matches;
  if (only === undefined) {
    throw new XspliceError(
      'no-such-payload',
      `No loaded payload has the name or build-id ${text}`,
      {
        hint: loadedText(snapshot, text),
      },
    );
  }
  if (others.length > 0) {
    const names = matches.map((payload) => nameText(payload.name)).join(', ');
    throw new XspliceError(
      'ambiguous-build-id',
      `${matches.length} build-ids start with ${text}: ${names}`,
    );
  }
  return only;
}

function loadedText(snapshot: Snapshot, asked: string): string {
  const names = snapshot.payloads.map((payload) => nameText(payload.name));
  return names.length === 0
    ? 'No payload is loaded at all. A file is loaded with upload or apply.'
    : `${didYouMean(alike(asked, names))}Loaded are: ${names.join(', ')}.`;
}
