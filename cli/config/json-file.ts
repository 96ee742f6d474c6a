import { type Code, type Finding, finding, XspliceError } from '../../core/findings/index.js';
import { type InputSchema, type Mistake, mistakesIn } from '../schemas/validate.js';
import { JsonMistake, type JsonText, readJsonText } from './json-text.js';

/**
 * A JSON text of a file that is as its schema says. Fails with an error of this code, whose findings are all mistakes
 * with their lines.
 */
export function checkedJson(text: string, file: string, schema: InputSchema, code: Code): JsonText {
  const json = parsed(text, file, code);
  const mistakes = mistakesIn(json.value, schema);
  if (mistakes.length > 0) throw invalidJson(file, json.lines, mistakes, code);
  return json;
}

/** The error that says what is wrong in a file, and in which lines. */
export function invalidJson(
  file: string,
  lines: JsonText['lines'],
  mistakes: readonly Mistake[],
  code: Code,
): XspliceError {
  const findings = mistakes.map(({ path, message }): Finding => {
    const line = lines.get(path) ?? 1;
    const what = path === '' ? '' : `${path.slice(1).replaceAll('/', '.')} `;
    return finding(code, { file, line, message: `${file}:${line}: ${what}${message}` });
  });
  const [first] = findings;
  return new XspliceError(
    code,
    findings.length === 1 ? (first?.message ?? file) : `${file} has ${findings.length} mistakes`,
    { findings },
  );
}

function parsed(text: string, file: string, code: Code): JsonText {
  try {
    return readJsonText(text);
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    const lines = new Map([['', error.line]]);
    throw invalidJson(file, lines, [{ path: '', message: error.message }], code);
  }
}
