import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImageFacts } from './image-facts.js';
import { runTool } from './toolchain.js';

/** The instructions at the start of a function that come before any jump, call or return. */
export interface StraightCode {
  /** Length of each instruction in bytes. */
  readonly lengths: readonly number[];
  readonly bytes: Uint8Array;
}

/** What a function starts with, or a sentence that says why this cannot be known. */
export async function readStraightCode(
  image: ImageFacts,
  name: string,
): Promise<StraightCode | string> {
  const symbol = image.symbol(name);
  if (symbol === undefined) return `the hypervisor has no ${name}`;
  const bytes = image.bytes(symbol.address, symbol.sizeBytes);
  if (bytes === null) return `the bytes of ${name} are not known`;
  const lengths = await straightLengths(bytes);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (total === 0) return `${name} starts with a jump, call or return`;
  return { lengths, bytes: bytes.subarray(0, total) };
}

/**
 * True where a function is straight code and one five-byte jump, as one with a return thunk is: all
 * but its last byte is then not a whole number of instructions.
 */
export async function endsInLongJump(image: ImageFacts, name: string): Promise<boolean> {
  const straight = await readStraightCode(image, name);
  const symbol = image.symbol(name);
  if (typeof straight === 'string' || symbol === undefined) return false;
  const opcode = image.bytes(symbol.address + BigInt(straight.bytes.length), 1)?.at(0);
  const jumpNear = 0xe9;
  return opcode === jumpNear && straight.bytes.length + 5 === symbol.sizeBytes;
}

async function straightLengths(code: Uint8Array): Promise<readonly number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-code-'));
  try {
    const file = join(folder, 'code.bin');
    writeFileSync(file, code);
    const listing = await runTool('objdump', [
      ...['-D', '-z', '-w', '-b', 'binary', '-m', 'i386:x86-64', file],
    ]);
    const lengths: number[] = [];
    for (const line of listing.split('\n')) {
      const [, hex, mnemonic] = /^\s*[0-9a-f]+:\t((?:[0-9a-f]{2} )+)\s*\t(\S+)/.exec(line) ?? [];
      if (hex === undefined || mnemonic === undefined) continue;
      if (/^(j|call|ret|ud2|int3|bnd|notrack|\(bad\))/.test(mnemonic)) break;
      lengths.push(hex.trim().split(' ').length);
    }
    return lengths;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
