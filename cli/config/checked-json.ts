import { type Code, type Finding, finding, XspliceError } from '../../core/findings/index.js';
import { type InputSchema, type Mistake, mistakesIn } from '../schemas/validate.js';
import { JsonMistake, readJsonText } from './json-text.js';

/** A file that a person wrote, of which the schema holds. */
export interface CheckedJson {
  readonly value: unknown;
  /** As in readJsonText. */
  readonly lines: ReadonlyMap<string, number>;
  /** The error for what the schema cannot say. */
  invalid(mistakes: readonly Mistake[]): XspliceError;
}

/** Reads JSON and compares it with its schema. Fails with that code, whose findings are all mistakes with their lines. */
export function readCheckedJson(
  text: string,
  file: string,
  schema: InputSchema,
  code: Code,
): CheckedJson {
  let read: ReturnType<typeof readJsonText>;
  try {
    read = readJsonText(text);
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    const lines = new Map([['', error.line]]);
    throw invalid(code, file, lines, [{ path: '', message: error.message }]);
  }
  const { value, lines } = read;
  const mistakes = mistakesIn(value, schema);
  if (mistakes.length > 0) throw invalid(code, file, lines, mistakes);
  return { value, lines, invalid: (more) => invalid(code, file, lines, more) };
}

function invalid(
  code: Code,
  file: string,
  lines: ReadonlyMap<string, number>,
  mistakes: readonly Mistake[],
): XspliceError {
  const findings = mistakes.map(({ path, message }): Finding => {
    const line = lines.get(path) ?? 1;
    const what = path === '' ? '' : `${path.slice(1).replaceAll('/', '.')} `;
    return finding(code, { file, line, message: `${file}:${line}: ${what}${message}` });
  });
  const [first] = findings;
  const count = findings.length === 1 ? 'a mistake' : `${findings.length} mistakes`;
  return new XspliceError(
    code,
    findings.length === 1 ? (first?.message ?? file) : `${file} has ${count}`,
    { findings },
  );
}
