import { xenLines } from '../../abi/console.js';
import { type BuildId, parseBuildId } from '../../abi/ids.js';

/** What debug key 'x' (livepatch_printall) tells about one payload. */
export interface DumpedPayload {
  readonly buildId: BuildId | null;
  readonly depends: BuildId | null;
  /** Names of the functions it replaces, in its own order. */
  readonly functions: readonly string[];
}

export type DumpResult =
  /** The dump is there to its end. Null for a payload whose lines were lost or are ambiguous. */
  | { readonly kind: 'complete'; readonly payloads: readonly (DumpedPayload | null)[] }
  /** Another operation held the lock: press the key again. */
  | { readonly kind: 'locked' }
  /** The end has not been printed yet, or the dump is not there at all. */
  | { readonly kind: 'incomplete' };

const START = "'x' pressed - Dumping all livepatch patches";
const LOCKED = /^(?:Lock held|Couldn't reacquire lock)\. Try again\.$/m;
/** Xen prints at most this many bytes of an id (%*ph in vsnprintf): a longer one is cut there. */
const PRINTED_ID_BYTES = 64;
/** `%p` prints sixteen hex digits, and may add `symbol+offset/size`. */
const HEADER_REST = / state=\w+\(\d+\) \S+ \(\.data=\S+, \.rodata=\S+\) using \d+ pages\.$/;
const FUNCTION_LINE = /^ {4}(.+) patch \S+\(\d+\) with \S+ ?\(\d+\)$/;

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Every place that may be the header of this payload. Names may hold line breaks. */
function headersOf(text: string, name: string): Span[] {
  const begin = `\n name=${name}`;
  const found: Span[] = [];
  let start = text.indexOf(`${begin} state=`);
  while (start !== -1) {
    const rest = start + begin.length;
    const lineEnd = text.indexOf('\n', rest);
    const end = lineEnd === -1 ? text.length : lineEnd;
    if (HEADER_REST.test(text.slice(rest, end))) found.push({ start, end });
    start = text.indexOf(`${begin} state=`, start + 1);
  }
  return found;
}

/** An id that was printed whole; null for one that Xen cut, which cannot be told from a shorter one. */
function idOf(digits: string): BuildId | null {
  if (digits.length % 2 !== 0 || digits.length / 2 >= PRINTED_ID_BYTES) return null;
  return parseBuildId(digits);
}

/** Null when the ids, which end a payload's lines, are not there. */
function readBody(body: string): DumpedPayload | null {
  // The last match is the true one: metadata and function names come first, and may look alike.
  const depends = [...body.matchAll(/depend-on=([0-9a-f]+)$/gm)].at(-1);
  const before = body.slice(0, depends?.index ?? 0);
  const buildId = [...before.matchAll(/build-id=([0-9a-f]+)$/gm)].at(-1);
  if (depends?.[1] === undefined || buildId?.[1] === undefined) return null;
  const functions = before
    .slice(0, buildId.index)
    .split('\n')
    .flatMap((line) => FUNCTION_LINE.exec(line)?.[1] ?? []);
  return { buildId: idOf(buildId[1]), depends: idOf(depends[1]), functions };
}

/**
 * Reads the last dump in this console text. `names` are those that LIST gave, in its order, which is
 * also the dump's. Lines are matched against them, since names and metadata may hold anything, text
 * that looks like such lines included: where a header could be in two places, nothing is believed.
 */
export function parseDump(text: string, names: readonly string[]): DumpResult {
  const lines = xenLines(text);
  const start = lines.lastIndexOf(START);
  const dump = `\n${lines.slice(start + 1).join('\n')}`;
  if (start !== -1 && LOCKED.test(dump)) return { kind: 'locked' };
  if (names.length === 0) {
    return start === -1 ? { kind: 'incomplete' } : { kind: 'complete', payloads: [] };
  }
  const unknown = names.map(() => null);
  const candidates = names.map((name) => headersOf(dump, name));
  if (candidates.some((spans) => spans.length > 1)) return { kind: 'complete', payloads: unknown };
  // Headers may be missing only at the start, and only where the ring was overwritten there: were one
  // missing behind another, the ids of two payloads would be taken for those of one.
  const headers = candidates.flat();
  const lost = names.length - headers.length;
  const isTail = candidates.slice(lost).every((spans) => spans.length === 1);
  if (headers.length === 0 || !isTail || (lost > 0 && start !== -1)) return { kind: 'incomplete' };
  if (headers.some((header, index) => header.start < (headers[index - 1]?.end ?? 0))) {
    return { kind: 'complete', payloads: unknown };
  }
  const found = headers.map((header, index) =>
    readBody(dump.slice(header.end, headers[index + 1]?.start ?? dump.length)),
  );
  // The last payload's ids end the dump.
  if (found.at(-1) === null) return { kind: 'incomplete' };
  return { kind: 'complete', payloads: [...unknown.slice(0, lost), ...found] };
}
