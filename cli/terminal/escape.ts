import { nameText } from '../../core/abi/payload-name.js';

/** Controls (C0, DEL, C1), format characters (bidi, zero width), separators, lone surrogates. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Text that a terminal prints and does not obey: each unsafe character becomes `\xNN` or `\u{…}`.
 * Everything that came from a file, a hypervisor or the command line goes through here.
 */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** The same for a name as a hypervisor holds it, of which each byte that is not UTF-8 is shown as `\xNN`. */
export function escapeName(name: string): string {
  const text = nameText(name);
  const isUtf8 = Buffer.from(text, 'utf8').equals(Buffer.from(name, 'latin1'));
  return isUtf8 ? escapeText(text) : escapeText(name).replace(/[\u0080-\u00ff]/g, escaped);
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
