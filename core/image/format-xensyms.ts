import type { SymbolTable } from './symbol-table.js';

/**
 * The table as /proc/xen/xensyms would list it, for `readXensyms` to read back. Names that a line
 * cannot carry (empty, with a line break, or with a space in front) are left out: no payload can ask for
 * them by a name that Xen's build gives.
 */
export function formatXensyms(table: SymbolTable): string {
  return table.entries
    .filter(({ name }) => /^\S[^\n]*$/.test(name))
    .map(({ address, type, name }) => {
      const letter = /^\S$/.test(type) ? type : '?';
      return `${address.toString(16).padStart(16, '0')} ${letter} ${name}\n`;
    })
    .join('');
}
