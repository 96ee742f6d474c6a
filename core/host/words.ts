/**
 * The words of a command as a POSIX shell splits them: blanks separate, quotes and backslashes keep together, and nothing
 * else means anything. Null where a quote has no end.
 */
export function splitWords(text: string): readonly string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (/[ \t\n]/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (char === "'" || char === '"') {
      const quoted = readQuoted(text, at);
      if (quoted === null) return null;
      word = (word ?? '') + quoted.text;
      at = quoted.end;
    } else if (char === '\\') {
      if (at + 1 === text.length) return null;
      at++;
      // A line that is continued.
      if (text.charAt(at) !== '\n') word = (word ?? '') + text.charAt(at);
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== null) words.push(word);
  return words;
}

/** What stands between two quotes, and where the second is; in double ones a backslash takes away what `"`, `\`, `$` and a backtick mean. */
function readQuoted(text: string, start: number): { text: string; end: number } | null {
  const quote = text.charAt(start);
  let inside = '';
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === quote) return { text: inside, end: at };
    const next = text.charAt(at + 1);
    if (quote === '"' && char === '\\' && next !== '' && '"\\$`\n'.includes(next)) {
      at++;
      if (next !== '\n') inside += next;
    } else {
      inside += char;
    }
  }
  return null;
}
