import { type CheckRun, isUnknown, outcomeOf, type TargetReport } from '../../core/check/index.js';
import type { Finding } from '../../core/findings/index.js';
import { escapeText } from '../terminal/escape.js';
import type { FormatContext } from './context.js';
import type { PlaceOf } from './place.js';

/** A case as JUnit knows it: a payload on a hypervisor, or what is to be said of none. */
interface Case {
  readonly name: string;
  readonly file: string | null;
  readonly failures: readonly Finding[];
  /** What could not be found out. */
  readonly errors: readonly Finding[];
  readonly skipped: string | null;
  readonly elapsedMs: number;
  /** Waived ones and those that weigh less than an error. */
  readonly remarks: readonly Finding[];
}

/**
 * JUnit XML as Jenkins and GitLab read it: a suite a hypervisor, a case a payload. What is wrong with a set of
 * payloads fails each of them; what is wrong with none of them has a case of its own.
 */
export function junitOf(run: CheckRun, { tool, placeOf }: FormatContext): string {
  const suites = [
    ...(run.findings.length === 0
      ? []
      : [{ name: 'configuration', cases: [caseOf('configuration', null, run.findings)] }]),
    ...run.targets.map((target) => ({ name: target.target, cases: casesOf(target, placeOf) })),
  ];
  const all = suites.flatMap(({ cases }) => cases);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({ name: tool.name, ...totals(all) })}>`,
    ...suites.flatMap(({ name, cases }) => [
      `  <testsuite ${attributes({ name, ...totals(cases), skipped: cases.filter(isSkipped).length })}>`,
      ...cases.flatMap((one) => caseLines(name, one)),
      '  </testsuite>',
    ]),
    '</testsuites>',
  ];
  return lines.join('\n');
}

function totals(cases: readonly Case[]): Readonly<Record<string, string | number>> {
  return {
    tests: cases.length,
    failures: cases.filter(({ failures, errors }) => failures.length > 0 && errors.length === 0)
      .length,
    errors: cases.filter(({ errors }) => errors.length > 0).length,
    time: seconds(cases.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0)),
  };
}

/** What is only read takes no time. */
function seconds(ms: number): string {
  return ms === 0 ? '0' : (ms / 1000).toFixed(3);
}

function isSkipped({ failures, errors, skipped }: Case): boolean {
  return failures.length === 0 && errors.length === 0 && skipped !== null;
}

function casesOf({ report }: TargetReport, placeOf: PlaceOf): readonly Case[] {
  const { files, findings, verdicts, notVerified } = report;
  const outcomes = new Map((verdicts ?? []).map((v) => [v.file, outcomeOf(v)]));
  const ofFiles = files.map((file): Case => {
    const about = findings.filter(
      (found) => found.file === file || found.otherFiles?.includes(file) === true,
    );
    const one = {
      ...caseOf(placeOf(file), placeOf(file), about),
      elapsedMs: report.triedMs?.get(file) ?? 0,
    };
    const isKnown = outcomes.has(file) || verdicts === null;
    // Without an image the chain was checked, and that is all that was asked for.
    return isKnown ? one : { ...one, skipped: notVerified ?? 'There is no verdict' };
  });
  const known = new Set(files);
  const others = findings.filter(({ file }) => file === undefined || !known.has(file));
  return others.length === 0 ? ofFiles : [...ofFiles, caseOf('the hypervisor', null, others)];
}

function caseOf(name: string, file: string | null, findings: readonly Finding[]): Case {
  const errors = findings.filter((f) => f.severity === 'error' && f.waiver === undefined);
  return {
    name,
    file,
    failures: errors.filter((error) => !isUnknown(error)),
    errors: errors.filter(isUnknown),
    skipped: null,
    elapsedMs: 0,
    remarks: findings.filter((found) => !errors.includes(found)),
  };
}

/** A case has one failure or error as the readers want it: its message is the first one, its text all. */
function caseLines(suite: string, one: Case): readonly string[] {
  const { name, file, failures, errors, skipped, remarks } = one;
  const place = file === null ? {} : { file };
  const start = `    <testcase ${attributes({ classname: suite, name, ...place, time: seconds(one.elapsedMs) })}`;
  const wrong = errors.length > 0 ? [...errors, ...failures] : failures;
  const [first] = wrong;
  const inside = [
    ...(first === undefined
      ? []
      : [
          `      <${errors.length > 0 ? 'error' : 'failure'} ${attributes({ message: first.message, type: first.code })}>${wrong.map(textOf).join('\n')}</${errors.length > 0 ? 'error' : 'failure'}>`,
        ]),
    ...(isSkipped(one) ? [`      <skipped ${attributes({ message: skipped ?? '' })}/>`] : []),
    ...(remarks.length === 0
      ? []
      : [`      <system-out>${remarks.map(textOf).join('\n')}</system-out>`]),
  ];
  return inside.length === 0 ? [`${start}/>`] : [`${start}>`, ...inside, '    </testcase>'];
}

function textOf({ severity, code, message, hint, waiver }: Finding): string {
  const weight = waiver === undefined ? severity : `waived ${severity}`;
  const why = waiver === undefined ? [] : [`Waived until ${waiver.expires}: ${waiver.reason}`];
  return [`${weight} ${message} [${code}]`, ...(hint === undefined ? [] : [hint]), ...why]
    .map(xml)
    .join('\n');
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${xml(String(value))}"`)
    .join(' ');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** XML 1.0 has no way to say most controls: they are shown, as a terminal would be. */
function xml(text: string): string {
  return escapeText(text)
    .replace(/[\ufffe\uffff]/g, '\ufffd')
    .replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}
