import { nameText } from '../../core/abi/payload-name.js';
import { UNSAFE, visible } from './unsafe.js';

/** What most texts are: asked first, since all that Unicode has takes four times as long to look for. */
const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * Text that a terminal prints and does not obey: each unsafe character becomes `\xNN` or `\u{…}`. What is
 * written is made safe once more (screen.ts); here a line break in a foreign text becomes visible too, and
 * a table knows how wide its cells are.
 */
export function escapeText(text: string): string {
  return PRINTABLE.test(text) ? text : text.replace(UNSAFE, visible);
}

/** The same for a name as a hypervisor holds it, of which each byte that is not UTF-8 is shown as `\xNN`. */
export function escapeName(name: string): string {
  return escapeText(nameText(name));
}
