/**
 * Characters that a terminal obeys, or shows as something else than they are: controls (C0, DEL, C1),
 * format characters (bidi, zero width), separators, lone surrogates.
 */
export const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** `\xNN` or `\u{…}`. */
export function visible(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  // A byte of a name that is no UTF-8 (core/abi/raw-path.ts).
  const code = point >= 0xdc80 && point <= 0xdcff ? point - 0xdc00 : point;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
