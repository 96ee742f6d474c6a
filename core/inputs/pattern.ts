import { join } from 'node:path';
import { XspliceError } from '../findings/index.js';
import { type Entry, entriesOf } from './entries.js';
import { statOrNull } from './path.js';

/** Ours: deeper than any repository. What is below is not looked at. */
export const MAX_DEPTH = 32;
/** Ours: entries of folders that one pattern looks at. */
export const MAX_ENTRIES = 200_000;

/** True where a text holds what means something in a pattern. */
export function isPattern(text: string): boolean {
  return /[*?[\]{}\\]/.test(text);
}

/**
 * Files below a folder that match a pattern, in the order of their names, as the pattern begins: `a/*.x` gives
 * `a/1.x`. `*` and `?` stand for characters of one name, `**` for any number of folders, `[ab]` for one of these,
 * `{a,b}` for either, a backslash for what follows it as it is. Names that begin with a dot, and
 * node_modules, are met only where the pattern says so. Links to folders are not followed.
 *
 * Fails with `file-not-readable`, and with `too-many-files` where there is too much to look at.
 */
export function filesMatching(folder: string, pattern: string): readonly string[] {
  const steps = pattern
    .split('/')
    .filter((step, index) => step !== '.' && (step !== '' || index === 0));
  if (steps.at(-1) === '**') steps.push('*');
  const found = new Set<string>();
  let looked = 0;
  const look = (at: string, left: readonly string[], depth: number): void => {
    const [step, ...rest] = left;
    if (step === undefined || depth > MAX_DEPTH) return;
    const place = at === '' ? folder : at.startsWith('/') ? at : join(folder, at);
    const below = (name: string) => (at === '' ? name : at === '/' ? `/${name}` : `${at}/${name}`);
    if (step !== '**' && (step === '' || !isPattern(step))) {
      const path = step === '' ? '/' : below(step);
      if (rest.length > 0) look(path, rest, depth + 1);
      else if (statOrNull(path.startsWith('/') ? path : join(folder, path))?.isFile())
        found.add(path);
      return;
    }
    if (statOrNull(place)?.isDirectory() !== true) return;
    const entries = entriesOf(place);
    looked += entries.length;
    if (looked > MAX_ENTRIES) {
      throw new XspliceError(
        'too-many-files',
        `${pattern} looks at more than ${MAX_ENTRIES} files`,
      );
    }
    if (step === '**') {
      look(at, rest, depth);
      for (const entry of entries) {
        const isHidden = entry.name.startsWith('.') || entry.name === 'node_modules';
        if (entry.kind === 'folder' && !isHidden) look(below(entry.name), left, depth + 1);
      }
      return;
    }
    const isWanted = nameMatcher(step);
    for (const entry of entries) {
      if (!isWanted(entry.name) || (entry.name.startsWith('.') && !step.startsWith('.'))) continue;
      const path = below(entry.name);
      if (rest.length > 0) {
        if (entry.kind === 'folder') look(path, rest, depth + 1);
      } else if (mayBeFile(entry, path.startsWith('/') ? path : join(folder, path))) {
        found.add(path);
      }
    }
  };
  look('', steps, 0);
  return [...found];
}

/** A link that leads nowhere may be one: whoever reads it says so. */
export function mayBeFile({ kind }: Entry, path: string): boolean {
  if (kind !== 'link') return kind === 'file';
  try {
    return statOrNull(path)?.isFile() !== false;
  } catch {
    return true;
  }
}

/** Tells whether a path, with `/`, is what a pattern means: see filesMatching. */
export function matcher(pattern: string): (path: string) => boolean {
  const steps = pattern.split('/').filter((step) => step !== '.' && step !== '');
  const tests = steps.map((step) => (step === '**' ? null : nameMatcher(step)));
  return (path) => {
    const names = path.split('/').filter((name) => name !== '.' && name !== '');
    // By place in the names, for each place in the tests: a row at a time, since ** may stand often.
    let row = [true, ...names.map(() => false)];
    for (const test of tests) {
      const next = names.map((name, index) => test !== null && row[index] === true && test(name));
      if (test !== null) row = [false, ...next];
      else for (let at = 1; at < row.length; at++) row[at] ||= row[at - 1] === true;
    }
    return row.at(-1) === true;
  };
}

/**
 * Matches one name, in time that grows with its length times the pattern's: a pattern comes from a file that
 * somebody else may have written.
 */
function nameMatcher(step: string): (name: string) => boolean {
  const choices = alternativesOf(step).map(tokensOf);
  return (name) => choices.some((tokens) => matches(tokens, [...name]));
}

/** What a `{a,b}` stands for, up to a hundred; braces that do not close are themselves. */
function alternativesOf(step: string): readonly string[] {
  let all: readonly string[] = [step];
  for (let turn = 0; turn < 8; turn++) {
    const next = all.flatMap((text) => {
      const match = /^((?:[^{\\]|\\.)*)\{([^{}]*)\}(.*)$/s.exec(text);
      if (match === null) return [text];
      const [, before = '', inside = '', after = ''] = match;
      return inside.split(',').map((choice) => `${before}${choice}${after}`);
    });
    if (next.length === all.length || next.length > 100) break;
    all = next;
  }
  return all;
}

/** Null is `*`; else what tells whether one character fits. */
type Token = ((character: string) => boolean) | null;

function tokensOf(step: string): readonly Token[] {
  const tokens: Token[] = [];
  for (const [text] of step.matchAll(/\\.|\[!?[^\]]+\]|./gsu)) {
    if (text === '*') {
      if (tokens.at(-1) !== null) tokens.push(null);
    } else if (text === '?') tokens.push(() => true);
    else if (text.length > 2 && text.startsWith('[')) tokens.push(classOf(text.slice(1, -1)));
    else {
      const literal = text.length > 1 && text.startsWith('\\') ? text.slice(1) : text;
      tokens.push((character) => character === literal);
    }
  }
  return tokens;
}

function classOf(text: string): (character: string) => boolean {
  const isNot = text.startsWith('!');
  const ranges = [...(isNot ? text.slice(1) : text).matchAll(/(.)-(.)|(.)/gsu)].map(
    ([, from, to, one]): readonly [string, string] => [from ?? one ?? '', to ?? one ?? ''],
  );
  return (character) => ranges.some(([from, to]) => from <= character && character <= to) !== isNot;
}

function matches(tokens: readonly Token[], characters: readonly string[]): boolean {
  let row = [true, ...characters.map(() => false)];
  for (const token of tokens) {
    const next = characters.map((c, index) => token !== null && row[index] === true && token(c));
    if (token !== null) row = [false, ...next];
    else for (let at = 1; at < row.length; at++) row[at] ||= row[at - 1] === true;
  }
  return row.at(-1) === true;
}
