/** A mistake in a JSON text. */
export class JsonMistake extends Error {
  /** From 1. */
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** A JSON value, and where its parts stand. */
export interface JsonText {
  readonly value: unknown;
  /** Line, from 1, of the value at a path such as `/targets/0/name`; the root's is the empty path. */
  readonly lines: ReadonlyMap<string, number>;
}

/** Ours: a configuration has four. */
const MAX_DEPTH = 64;

/** Reads JSON (RFC 8259) and keeps its lines. Fails with a JsonMistake; a key that stands twice is one. */
export function readJsonText(text: string): JsonText {
  const lines = new Map<string, number>();
  let at = 0;
  let line = 1;
  const fail = (what: string): never => {
    throw new JsonMistake(what, line);
  };
  const skip = () => {
    for (; at < text.length && ' \t\r\n'.includes(text.charAt(at)); at++) {
      if (text[at] === '\n') line++;
    }
  };
  const found = () => (at < text.length ? JSON.stringify(text.charAt(at)) : 'the end');
  const expect = (character: string) => {
    skip();
    if (text[at] !== character) fail(`expected ${character}, found ${found()}`);
    at++;
  };
  const string = (): string => {
    const match = /^"(?:[^"\\\n]|\\.)*"/.exec(text.slice(at));
    if (match === null) return fail(`expected a text in quotes, found ${found()}`);
    at += match[0].length;
    try {
      return JSON.parse(match[0]);
    } catch {
      return fail(`this text has a character or an escape that JSON does not allow: ${match[0]}`);
    }
  };
  const value = (path: string, depth: number): unknown => {
    skip();
    if (depth > MAX_DEPTH) fail(`nested deeper than ${MAX_DEPTH}`);
    lines.set(path, line);
    if (text[at] === '{') return object(path, depth);
    if (text[at] === '[') return array(path, depth);
    if (text[at] === '"') return string();
    const match = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)\b/.exec(
      text.slice(at, at + 100),
    );
    if (match === null) return fail(`expected a value, found ${found()}`);
    at += match[0].length;
    return JSON.parse(match[0]);
  };
  const object = (path: string, depth: number): unknown => {
    const entries: [string, unknown][] = [];
    at++;
    skip();
    if (text[at] === '}') {
      at++;
      return {};
    }
    for (;;) {
      skip();
      const key = string();
      if (entries.some(([other]) => other === key))
        fail(`${JSON.stringify(key)} stands here twice`);
      expect(':');
      entries.push([key, value(`${path}/${key}`, depth + 1)]);
      skip();
      if (text[at] === '}') break;
      expect(',');
    }
    at++;
    // As JSON.parse does it: __proto__ is a key like any other.
    return Object.fromEntries(entries);
  };
  const array = (path: string, depth: number): unknown => {
    const items: unknown[] = [];
    at++;
    skip();
    if (text[at] === ']') {
      at++;
      return items;
    }
    for (;;) {
      items.push(value(`${path}/${items.length}`, depth + 1));
      skip();
      if (text[at] === ']') break;
      expect(',');
    }
    at++;
    return items;
  };
  const root = value('', 0);
  skip();
  if (at < text.length) fail(`expected the end, found ${found()}`);
  return { value: root, lines };
}
