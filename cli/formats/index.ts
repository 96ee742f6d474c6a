import type { CheckRun } from '../../core/check/index.js';
import type { FormatContext } from './context.js';
import { githubOf } from './github.js';
import { gitlabOf } from './gitlab.js';
import { junitOf } from './junit.js';
import { markdownOf } from './markdown.js';
import { sarifOf } from './sarif.js';

/** A report in one of these formats: text, or a document that becomes JSON. */
export type Formatted = string | readonly unknown[] | Readonly<Record<string, unknown>>;

/** The reports that CI systems read, by the name of their format: each a pure function of the run. */
export const REPORTS: Readonly<
  Record<
    'sarif' | 'junit' | 'gitlab' | 'github' | 'markdown',
    (run: CheckRun, context: FormatContext) => Formatted
  >
> = { sarif: sarifOf, junit: junitOf, gitlab: gitlabOf, github: githubOf, markdown: markdownOf };

export type ReportFormat = keyof typeof REPORTS;

export const REPORT_FORMATS: readonly ReportFormat[] = [
  'sarif',
  'junit',
  'gitlab',
  'github',
  'markdown',
];

export type { FormatContext } from './context.js';
export { placesBelow } from './place.js';
export { prometheusText } from './prometheus.js';
