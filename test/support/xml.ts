/** An element of an XML document, as far as a JUnit report needs it. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

const ENTITY = /&(amp|lt|gt|quot|apos|#\d+|#x[0-9a-f]+);/g;
const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

/** Reads a document without DTD, CDATA and comments. Throws where it is not well-formed. */
export function parseXml(text: string): XmlElement {
  const body = text.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\s*/, '');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 does not allow them.
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(body)) {
    throw new Error('a character that XML does not allow');
  }
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at ${at}: ${JSON.stringify(body.slice(at, at + 60))}`);
  };
  const element = (): XmlElement => {
    const start = /^<([A-Za-z][\w-]*)((?:\s+[\w-]+="[^"<]*")*)\s*(\/?)>/.exec(body.slice(at));
    if (start === null) return fail('no element');
    at += start[0].length;
    const [, name = '', attributeText = '', isEmpty] = start;
    const attributes: Record<string, string> = {};
    for (const [, key = '', value = ''] of attributeText.matchAll(/([\w-]+)="([^"]*)"/g)) {
      if (key in attributes) fail(`${key} twice`);
      attributes[key] = decode(value, fail);
    }
    const children: XmlElement[] = [];
    let inside = '';
    if (isEmpty === '/') return { name, attributes, children, text: '' };
    for (;;) {
      const end = body.indexOf('<', at);
      if (end < 0) fail(`${name} has no end`);
      inside += body.slice(at, end);
      at = end;
      if (body.startsWith(`</${name}>`, at)) break;
      children.push(element());
    }
    at += `</${name}>`.length;
    return { name, attributes, children, text: decode(inside, fail) };
  };
  const root = element();
  if (body.slice(at).trim() !== '') fail('something behind the root');
  return root;
}

function decode(text: string, fail: (what: string) => never): string {
  if (text.replace(ENTITY, '').includes('&')) fail('an & that begins no entity');
  return text.replace(ENTITY, (_, name: string) => {
    if (!name.startsWith('#')) return NAMED[name] ?? '';
    const isHex = name.startsWith('#x');
    return String.fromCodePoint(Number.parseInt(name.slice(isHex ? 2 : 1), isHex ? 16 : 10));
  });
}
