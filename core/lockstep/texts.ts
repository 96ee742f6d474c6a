/** Ours: hits of one word that are looked at; a program has some ten. */
const MAX_HITS = 4096;
/** Ours: no text that is looked for is longer. */
const MAX_LENGTH = 256;

/**
 * NUL-terminated texts that begin with `start` somewhere in them and match as a whole, each once, in the
 * order of the file. latin1-decoded.
 */
export function wholeTexts(bytes: Uint8Array, part: string, whole: RegExp): readonly string[] {
  const found = new Set<string>();
  for (const at of placesOf(bytes, part)) {
    const start = bytes.lastIndexOf(0, at) + 1;
    const end = bytes.indexOf(0, at);
    if (end < 0 || end - start > MAX_LENGTH) continue;
    const text = latin1(bytes, start, end);
    if (whole.test(text)) found.add(text);
  }
  return [...found];
}

/** What follows the first `before` behind which it matches; null where nothing does. */
export function textOf(bytes: Uint8Array, before: string, after: RegExp): RegExpExecArray | null {
  for (const at of placesOf(bytes, before)) {
    const start = at + before.length;
    const match = after.exec(latin1(bytes, start, start + MAX_LENGTH));
    if (match !== null) return match;
  }
  return null;
}

function* placesOf(bytes: Uint8Array, part: string): Generator<number, void, undefined> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = buffer.indexOf(part, 0, 'latin1');
  for (let hits = 0; at >= 0 && hits < MAX_HITS; hits++) {
    yield at;
    at = buffer.indexOf(part, at + 1, 'latin1');
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    'latin1',
    start,
    end,
  );
}
