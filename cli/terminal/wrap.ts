import stringWidth from './width.js';

/** Two columns are too narrow for text below this. */
const MIN_TEXT_WIDTH = 30;

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

/** Terms with what they mean beside them, or where that is too narrow, below. */
export function renderTerms(
  terms: readonly (readonly [term: string, meaning: string])[],
  width: number,
): string {
  const column = 4 + Math.max(...terms.map(([term]) => stringWidth(term)));
  const isBeside = width - column >= MIN_TEXT_WIDTH;
  return terms
    .map(([term, meaning]) => {
      if (!isBeside) return `${wrap(`  ${term}`, width)}\n${wrap(meaning, width, ' '.repeat(6))}`;
      const lines = wrap(meaning, width, ' '.repeat(column));
      return `  ${term}${lines.slice(2 + stringWidth(term))}`;
    })
    .join('\n');
}
