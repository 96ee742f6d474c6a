import { errnoName } from '../abi/errno.js';
import { nameText } from '../abi/payload-name.js';
import { type Finding, finding } from '../findings/index.js';
import {
  isSameRun,
  type PayloadRehearsal,
  type Rehearsal,
  type StepRehearsal,
  type TestRehearsal,
} from './rehearsal.js';
import type { TestRun } from './stage.js';

/** What is to be said of a rehearsal, beside what its verdicts say. */
export function rehearsalFindings({
  payloads,
  unstableTests,
  left,
}: Rehearsal): readonly Finding[] {
  const unstable = unstableTests.map((test) =>
    finding('test-unstable', {
      file: test,
      message: `${test} said two things in two runs before anything was loaded: what payloads change in it is not known`,
    }),
  );
  const isStable = ({ test }: TestRehearsal) => !unstableTests.includes(test);
  return [
    ...unstable,
    ...payloads.flatMap((payload) => [
      ...ofSteps(payload),
      ...ofTests(payload, payload.tests.filter(isStable)),
    ]),
    ...ofLeft(left),
  ];
}

function ofSteps({ file, name, skipped, isDeadly, steps }: PayloadRehearsal): readonly Finding[] {
  const payload = nameText(name);
  const found = steps.flatMap((step) => ofStep(file, payload, step));
  if (skipped === null) return found;
  const message = `${payload} was not tried${steps.length === 0 ? '' : ' to its end'}: ${skipped}`;
  const hint = isDeadly
    ? 'With --fatal it is tried, on a hypervisor of its own.'
    : 'Mend what is said of the others first.';
  return [...found, finding('not-rehearsed', { file, payload, message, hint })];
}

function ofStep(file: string, payload: string, step: StepRehearsal): readonly Finding[] {
  const { operation, expected, seen, difference } = step;
  const about = { file, payload };
  if (seen.outcome === 'busy') {
    const message = `The ${operation} of ${payload} was not done, since the CPUs of the machine did not meet in time: ${errnoName(seen.errno ?? 0)}`;
    return [finding('rehearsal-busy', { ...about, message })];
  }
  if (difference === null) return [];
  const message = `The ${operation} of ${payload}: ${difference}`;
  if (seen.outcome === 'fatal') return [finding('rehearsal-died', { ...about, message })];
  if (expected.outcome === 'accepted' && seen.outcome === 'refused') {
    const { assumptions } = expected;
    if (assumptions.length > 0) {
      const text = `${message}. It was assumed: ${assumptions.join('; ')}`;
      return [finding('assumption-failed', { ...about, severity: 'error', message: text })];
    }
  }
  return [finding('divergence', { ...about, severity: 'error', message })];
}

/** Tests judge a payload together: it is enough where one shows it. */
function ofTests(
  { file, name }: PayloadRehearsal,
  tests: readonly TestRehearsal[],
): readonly Finding[] {
  if (tests.length === 0) return [];
  const payload = nameText(name);
  const isChanged = tests.some((test) => !isSameRun(test.before, test.with));
  const names = tests.map(({ test }) => test).join(', ');
  const without = finding('test-without-effect', {
    ...{ file, payload },
    message: `${payload} is applied, and ${names} ${tests.length === 1 ? 'says' : 'say'} the same as before`,
  });
  const broken = tests.flatMap((test) => {
    if (test.before.status !== 0 || test.with.status === 0) return [];
    const message = `${test.test} ${endText(test.with)} while ${payload} is applied, and ended with 0 before`;
    return [finding('test-fails', { file, payload, message })];
  });
  const stuck = tests.flatMap((test) => {
    if (test.after === null || isSameRun(test.before, test.after)) return [];
    const message = `${test.test} does not say again what it said before, although ${payload} is reverted: ${changeText(test.before, test.after)}`;
    return [finding('test-not-back', { file, payload, message })];
  });
  return [...(isChanged ? [] : [without]), ...broken, ...stuck];
}

function ofLeft(left: readonly string[]): readonly Finding[] {
  if (left.length === 0) return [];
  const names = left.map(nameText).join(', ');
  const message = `At the end, Xen still holds ${names}: not all could be taken off`;
  return [finding('rehearsal-left', { message })];
}

/** How a run ends, as a clause goes on behind its name. */
function endText({ status }: TestRun): string {
  if (status === null) return 'does not end in time';
  return `ends with ${status < 0 ? `signal ${-status}` : status}`;
}

/** In what two runs differ, in a few words. */
export function changeText(before: TestRun, after: TestRun): string {
  if (before.status !== after.status) {
    return `it ${endText(after)}, where it ${endText(before)} otherwise`;
  }
  const [then, now] = [before, after].map(({ output }) => firstLines(output));
  const at = then?.findIndex((line, index) => line !== now?.[index]) ?? -1;
  const place = at < 0 ? (then?.length ?? 0) : at;
  return `line ${place + 1} was ${quoted(then?.[place])}, and is ${quoted(now?.[place])}`;
}

function firstLines(output: Uint8Array): readonly string[] {
  const lines = Buffer.from(output).toString('utf8').split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

const MOST_SHOWN = 200;

function quoted(line: string | undefined): string {
  return line === undefined ? 'none' : JSON.stringify(line.slice(0, MOST_SHOWN));
}
