/** Characters that JSON leaves as they are, but a terminal obeys. */
const UNSAFE = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * JSON of a document: 64-bit values as "0x…", bytes as hex, and nothing in it that a terminal would
 * obey.
 */
export function renderJson(document: unknown): string {
  return JSON.stringify(document, encode, 2).replace(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, i) => {
      const unit = character.charCodeAt(i).toString(16).padStart(4, '0');
      return `\\u${unit}`;
    }).join(''),
  );
}

function encode(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint')
    return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value;
}
