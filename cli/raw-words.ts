import { readFileSync } from 'node:fs';
import { pathBytes, pathText } from '../core/abi/raw-path.js';

/**
 * The words that were typed, with the bytes that are no UTF-8, which Linux still has: of a process whose command line
 * ends with them. Else they stay as Node has them.
 */
export function rawWords(words: readonly string[]): readonly string[] {
  try {
    const line = readFileSync('/proc/self/cmdline');
    const all: string[] = [];
    for (let at = 0; at < line.length; ) {
      const end = line.indexOf(0, at);
      all.push(pathText(line.subarray(at, end < 0 ? line.length : end)));
      at = end < 0 ? line.length : end + 1;
    }
    const raw = all.slice(all.length - words.length);
    const isSame = (word: string, index: number) => asNodeHasIt(raw[index] ?? '') === word;
    return words.every(isSame) ? raw : words;
  } catch {
    return words;
  }
}

function asNodeHasIt(text: string): string {
  return pathBytes(text).toString('utf8');
}
