import stringWidth from './width.js';

/** Two columns are too narrow for text below this. */
const MIN_TEXT_WIDTH = 30;
/** A word, or two, with a gap behind it: what follows is a column of its own. */
const LABEL = /^\s*\S+(?: \S+)? {2,}(?=\S)/;
/** Ours: what stands further right is no label. */
const MAX_LABEL = 20;

/** The text in lines of at most `width` columns, broken between words. A longer word has a line of its own. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && stringWidth(indent + longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line].map((part) => `${indent}${part}`).join('\n');
}

/**
 * One line as several of at most `width` columns, broken between words. What goes on stands below its beginning: behind
 * the label of a line that has one. `widthOf` measures; a longer word stays whole, so that it can be copied.
 */
export function wrapLine(line: string, width: number, widthOf: (text: string) => number): string {
  if (widthOf(line) <= width) return line;
  const words = line.match(/ *[^ ]+/g) ?? [line];
  const hang = ' '.repeat(hangOf(line, widthOf));
  const lines: string[] = [];
  let current = '';
  let used = 0;
  for (const word of words) {
    const needs = widthOf(word);
    if (current === '' || used + needs <= width) {
      current += word;
      used += needs;
      continue;
    }
    lines.push(current);
    current = `${hang}${word.trimStart()}`;
    used = widthOf(current);
  }
  return [...lines, current].join('\n');
}

function hangOf(line: string, widthOf: (text: string) => number): number {
  const [label = ''] = LABEL.exec(line) ?? [];
  const column = widthOf(label);
  if (column > 0 && column <= MAX_LABEL) return column;
  const [indent = ''] = /^ */.exec(line) ?? [];
  return indent.length === 0 ? 2 : indent.length;
}

/** Words with the spaces behind them; those longer than `limit` in parts that may stand in two lines. */
export function fragmentsOf(text: string, limit: number): readonly string[] {
  const words = text.match(/[^ ]+ *| +/g) ?? [];
  return words.flatMap((word) =>
    word.length <= limit ? [word] : (word.match(/[^/_,+-]*[/_,+-]+ *|[^/_,+-]+/g) ?? [word]),
  );
}

/** The text in lines of at most `width` columns, broken between its fragments; a longer one has a line of its own. */
export function wrapWithin(text: string, width: number, limit: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const part of fragmentsOf(text, limit)) {
    if (line !== '' && stringWidth(`${line}${part}`.trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = part;
    } else line += part;
  }
  return [...lines, line.trimEnd()];
}

/** Terms with what they mean beside them, or where that is too narrow, below. */
export function renderTerms(
  terms: readonly (readonly [term: string, meaning: string])[],
  width: number,
): string {
  const column = 4 + Math.max(...terms.map(([term]) => stringWidth(term)));
  const isBeside = width - column >= MIN_TEXT_WIDTH;
  return terms
    .map(([term, meaning]) => {
      if (!isBeside) return `${wrap(term, width, '  ')}\n${wrap(meaning, width, ' '.repeat(6))}`;
      const lines = wrap(meaning, width, ' '.repeat(column));
      return `  ${term}${lines.slice(2 + stringWidth(term))}`;
    })
    .join('\n');
}
