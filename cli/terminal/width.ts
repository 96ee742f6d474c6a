import { createRequire } from 'node:module';

/**
 * Text that takes a column for each character: printable ASCII and Latin-1 (without the soft hyphen),
 * dashes, quotation marks, bullets, the ellipsis and lines.
 */
const PLAIN = /^[\x20-\x7e\xa1-\xac\xae-\xff\u2013-\u2014\u2018-\u201e\u2022\u2026\u2500-\u2520]*$/;

type Measure = (text: string) => number;

let measure: Measure | undefined;

/**
 * The columns of a terminal that text takes. The package that knows all of Unicode compiles tables for
 * longer than the rest of a start takes, so it is asked only about text that needs it.
 */
export default function stringWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  measure ??= loadMeasure();
  return measure(text);
}

function loadMeasure(): Measure {
  const { default: exact }: { readonly default: Measure } = createRequire(import.meta.url)(
    'string-width',
  );
  return exact;
}
