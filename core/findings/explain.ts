import { CATALOGUE, type Code, type Explanation, STAGES } from './catalogue/index.js';
import { XspliceError } from './error.js';
import type { Finding } from './finding.js';

function isCode(name: string): name is Code {
  return Object.hasOwn(CATALOGUE, name);
}

function isStageName(name: string): name is keyof typeof STAGES {
  return Object.hasOwn(STAGES, name);
}

/** What is known of a code, or of a stage of Xen's; null where it is neither. */
export function explain(name: string): Explanation | null {
  const entry = isCode(name) ? CATALOGUE[name] : isStageName(name) ? STAGES[name] : null;
  if (entry === null) return null;
  const { what, where, since, mend }: Explanation = entry;
  return { what, where, ...(since === undefined ? {} : { since }), mend };
}

/** The findings with what is known about the stage or code of each. */
export function explained(findings: readonly Finding[]): readonly Finding[] {
  return findings.map((found) => {
    const explanation = explain(found.stage ?? found.code) ?? explain(found.code);
    return explanation === null ? found : { ...found, explanation };
  });
}

/** An error whose findings are explained; one without findings is a finding itself. */
export function explainedError(error: XspliceError): XspliceError {
  const { code, message, hint, findings, cause } = error;
  const own: readonly Finding[] =
    findings.length > 0 ? findings : [{ code, message, severity: 'error' }];
  return new XspliceError(code, message, { findings: explained(own), cause, hint });
}
