import { readFileSync } from 'node:fs';
import { mayHaveLost, pathBytes, pathText } from '../core/abi/raw-path.js';

/**
 * The words that were typed. Node replaces bytes that are no UTF-8; Linux still has them. Where it is not asked, as
 * for a program that another one has run in its own process, they stay as Node has them.
 */
export function typedWords(argv: readonly string[]): readonly string[] {
  const words = argv.slice(2);
  if (!words.some(mayHaveLost)) return words;
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
