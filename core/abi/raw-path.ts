/**
 * Paths are bytes to Linux, and text to people. Bytes that are no UTF-8 stand in a text as lone surrogates, U+DC80 to
 * U+DCFF (as Python's `surrogateescape` has it): nothing is lost, JSON writes them as `\udcNN`, a terminal gets
 * `\xNN`.
 */

/** Without the flag, half a pair would match too. */
const RAW_BYTE = /[\udc80-\udcff]/u;
/** What Node puts in the place of bytes that are no UTF-8. */
const REPLACED = '\ufffd';
const RAW_BASE = 0xdc00;
/** Bytes of the longest character. */
const MAX_CHARACTER = 4;

/** The text of a path, or of a name in a folder. */
export function pathText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  if (!text.includes(REPLACED)) return text;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const parts: string[] = [];
  for (let at = 0; at < buffer.length; ) {
    const found = characterAt(buffer, at, decoder);
    parts.push(found ?? String.fromCharCode(RAW_BASE + (buffer[at] ?? 0)));
    at += found === null ? 1 : Buffer.byteLength(found);
  }
  return parts.join('');
}

function characterAt(
  buffer: Buffer,
  at: number,
  decoder: InstanceType<typeof TextDecoder>,
): string | null {
  for (let length = 1; length <= MAX_CHARACTER && at + length <= buffer.length; length++) {
    try {
      return decoder.decode(buffer.subarray(at, at + length));
    } catch {
      // A longer one may begin there.
    }
  }
  return null;
}

/** The bytes of such a text. */
export function pathBytes(text: string): Buffer {
  if (!RAW_BYTE.test(text)) return Buffer.from(text, 'utf8');
  const parts = text.split(/([\udc80-\udcff])/u).map((part) => {
    const isRaw = part.length === 1 && RAW_BYTE.test(part);
    return isRaw ? Buffer.of(part.charCodeAt(0) - RAW_BASE) : Buffer.from(part, 'utf8');
  });
  return Buffer.concat(parts);
}

/** A path as Node's own functions take it. */
export function onDisk(path: string): string | Buffer {
  return RAW_BYTE.test(path) ? pathBytes(path) : path;
}

/** True where Node has lost bytes that were no UTF-8, as far as the text tells. */
export function mayHaveLost(text: string): boolean {
  return text.includes(REPLACED);
}
