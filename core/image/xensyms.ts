import { XspliceError } from '../findings/index.js';
import { createSymbolTable, type SymbolTable, type XenSymbol } from './symbol-table.js';

/** Ours: Xen has some ten thousand. */
const MAX_LINES = 1 << 20;

const LINE = /^(?:0x)?[0-9a-f]{1,16} \S \S.*$/;

/**
 * The symbol table of a running hypervisor, as dom0's /proc/xen/xensyms lists it: a line
 * `ADDRESS type name` each, by address. It is Xen's own table (xensyms_read), without sizes.
 * The `.map` files beside xen-syms have the same form. Fails on a line of any other form.
 */
export function readXensyms(text: string): SymbolTable {
  const lines = text.split('\n', MAX_LINES + 1);
  if (lines.length > MAX_LINES) {
    throw new XspliceError(
      'xen-bad-symbols',
      `Too many symbols: expected at most ${MAX_LINES}, found more`,
    );
  }
  const entries: XenSymbol[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    if (!LINE.test(line)) {
      throw new XspliceError(
        'xen-bad-symbols',
        `Line ${index + 1}: expected 'ADDRESS type name', found ${JSON.stringify(line.slice(0, 80))}`,
      );
    }
    const end = line.indexOf(' ');
    const address = line.startsWith('0x') ? line.slice(0, end) : `0x${line.slice(0, end)}`;
    const name = line.slice(end + 3);
    entries.push({ name, address: BigInt(address), type: line.charAt(end + 1), size: 0n });
  }
  return createSymbolTable(
    entries.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0)),
  );
}
