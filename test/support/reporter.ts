/**
 * What `npm test` prints: a line for each folder of tests, each failure whole, what was skipped and why, and the
 * closing counts in node's own words (`# tests 12`), which scripts read. What tests print themselves is kept back
 * until their file has failed.
 */
import { dirname, relative } from 'node:path';
import { inspect } from 'node:util';

/** The parts of an event of node:test that are used; which are there depends on its type. */
interface Told {
  readonly name?: string;
  readonly nesting?: number;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly message?: string;
  readonly skip?: string | boolean | undefined;
  readonly details?: {
    readonly type?: string | undefined;
    readonly duration_ms?: number;
    readonly error?: Error & { readonly failureType?: string };
  };
}

interface TestEvent {
  readonly type: string;
  readonly data: Told;
}

/** What is counted of the tests of one folder. */
interface Tally {
  readonly folder: string;
  tests: number;
  failed: number;
  durationMs: number;
}

function tallyLine({ folder, tests, failed, durationMs }: Tally): string {
  const seconds = (durationMs / 1000).toFixed(1);
  const line = `${folder.padEnd(26)} ${String(tests).padStart(5)} tests ${seconds.padStart(6)} s`;
  return failed === 0 ? `ok    ${line}\n` : `FAIL  ${line}  ${failed} failed\n`;
}

function failureText({ name = '', file, line, details }: Told, printed: string): string {
  const place = file === undefined ? '' : `\n  at ${relative(process.cwd(), file)}:${line ?? 1}`;
  const cause: unknown = details?.error?.cause ?? details?.error ?? 'no reason given';
  const reason = typeof cause === 'string' ? cause : inspect(cause, { depth: 8 });
  const text = `${reason}${printed === '' ? '' : `\nIt printed:\n${printed.trimEnd()}`}`;
  return `\nFAIL  ${name}${place}\n${text.replace(/^/gm, '  ')}\n\n`;
}

/** A failure that only says that a test inside of it failed. */
function isOfOthers({ details }: Told): boolean {
  return details?.error?.failureType === 'subtestsFailed';
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const tallies: Tally[] = [];
  const printed = new Map<string, string>();
  const skipped: string[] = [];
  const counts: string[] = [];
  for await (const { type, data } of events) {
    const { file = '', message = '', nesting = 0, details } = data;
    if (type === 'test:diagnostic' && file === '') counts.push(`# ${message}\n`);
    else if (type === 'test:diagnostic') yield `note  ${message}\n`;
    if (type === 'test:stdout' || type === 'test:stderr') {
      printed.set(file, `${printed.get(file) ?? ''}${message}`);
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const folder = relative(process.cwd(), dirname(file)).replace(/^dist\//, '');
    let tally = tallies.at(-1);
    if (tally?.folder !== folder) {
      if (tally !== undefined) yield tallyLine(tally);
      tally = { folder, tests: 0, failed: 0, durationMs: 0 };
      tallies.push(tally);
    }
    if (nesting === 0) tally.durationMs += details?.duration_ms ?? 0;
    if (details?.type !== 'suite') tally.tests += 1;
    if (type === 'test:fail' && !isOfOthers(data)) {
      tally.failed += 1;
      yield failureText(data, printed.get(file) ?? '');
    }
    if (typeof data.skip === 'string') skipped.push(`skipped: ${data.name}: ${data.skip}\n`);
    else if (data.skip === true) skipped.push(`skipped: ${data.name}\n`);
  }
  const last = tallies.at(-1);
  if (last !== undefined) yield tallyLine(last);
  yield* [...skipped, ...counts];
}
