/** What the first line of each file of minisign and signify begins with. */
const COMMENT = 'untrusted comment: ';

/** A file of minisign or signify: a comment, then a line of Base64, then what more there is. */
export interface CommentFile {
  readonly comment: string;
  /** Of the second line. */
  readonly bytes: Buffer;
  /** The lines behind it, without empty ones at the end. */
  readonly rest: readonly string[];
}

/** Reads it; null where the text is none. */
export function readCommentFile(text: string): CommentFile | null {
  const [first = '', second = '', ...rest] = text.split(/\r?\n/);
  if (!first.startsWith(COMMENT)) return null;
  const bytes = fromBase64(second);
  if (bytes === null) return null;
  while (rest.at(-1) === '') rest.pop();
  return { comment: first.slice(COMMENT.length), bytes, rest };
}

/** Writes it. */
export function renderCommentFile({ comment, bytes, rest }: CommentFile): string {
  return `${[`${COMMENT}${comment}`, bytes.toString('base64'), ...rest].join('\n')}\n`;
}

/** The bytes of a line of Base64 (RFC 4648, padded); null where it is none, or has spare bits set. */
export function fromBase64(line: string): Buffer | null {
  const bytes = Buffer.from(line, 'base64');
  return line !== '' && bytes.toString('base64') === line ? bytes : null;
}
