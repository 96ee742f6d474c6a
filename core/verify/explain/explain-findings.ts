import { type Finding, XspliceError } from '../../findings/index.js';
import { explain } from './explain.js';

/** The findings with what is known about the stage or code of each; others stay as they are. */
export function explained(findings: readonly Finding[]): readonly Finding[] {
  return findings.map((finding) => {
    const byStage = finding.stage === undefined ? null : explain(finding.stage);
    const explanation = byStage ?? explain(finding.code);
    return explanation === null ? finding : { ...finding, explanation };
  });
}

/** An error whose findings are explained; one without findings is a finding itself. */
export function explainedError(error: XspliceError): XspliceError {
  const { code, message, hint, findings, exitCode, cause } = error;
  const own: readonly Finding[] =
    findings.length > 0 ? findings : [{ code, message, severity: 'error' }];
  return new XspliceError(code, message, {
    findings: explained(own),
    exitCode,
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}
