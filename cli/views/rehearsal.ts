import { errnoName } from '../../core/abi/errno.js';
import { nameText } from '../../core/abi/payload-name.js';
import {
  changeText,
  elapsedOf,
  isSameRun,
  type PayloadRehearsal,
  type StepRehearsal,
  type TestRehearsal,
  type TestRun,
  type XenRehearsal,
} from '../../core/rehearsal/index.js';
import type { XenAnswer } from '../../core/verify/index.js';
import { escapeName, escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';

type Fields = Readonly<Record<string, unknown>>;

/** What it ran on, and a line for each payload: what Xen answered, whether that was said before, and what tests saw. */
export function renderRehearsal(done: XenRehearsal, style: Style, verbose: boolean): string {
  const { rehearsal, hypervisor, accelerator, withoutKvm, qemu, kernelVersion, bootMs } = done;
  const { payloads, unstableTests } = rehearsal;
  const on = `Xen ${hypervisor.version} in QEMU by ${accelerator}, up after ${seconds(bootMs)}`;
  const lines = [`${style.bold('Rehearsal')}  ${escapeText(on)}`];
  if (verbose) {
    lines.push(style.dim(escapeText(`  QEMU ${qemu}; dom0: Linux ${kernelVersion}`)));
    if (withoutKvm !== null) lines.push(style.dim(escapeText(`  without KVM: ${withoutKvm}`)));
  }
  const rows = payloads.map((payload): readonly (string | Cell)[] => [
    { text: nameText(payload.name), paint: style.bold },
    answerCell(payload, style),
    payload.steps.length === 0 ? '' : seconds(elapsedOf(payload)),
    testsText(payload, unstableTests),
  ]);
  lines.push(renderTable(rows, style, { indent: '  ' }));
  if (verbose) lines.push(...payloads.flatMap((payload) => details(payload, style)));
  return lines.join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** The last thing that was asked to bring it on says how it went. */
function answerCell({ skipped, steps }: PayloadRehearsal, style: Style): Cell {
  const step = steps.filter(({ operation }) => operation !== 'unload').at(-1);
  const wrong = steps.find(
    ({ difference, seen }) => difference !== null || seen.outcome === 'busy',
  );
  const shown = wrong ?? step;
  if (shown === undefined || (skipped !== null && wrong === undefined)) {
    return { text: 'not tried', paint: style.warn };
  }
  if (wrong !== undefined) {
    const what = `${outcomeText(wrong)}, not as said`;
    return { text: wrong.seen.outcome === 'busy' ? 'busy' : what, paint: style.bad };
  }
  const isGood = shown.seen.outcome === 'accepted';
  return {
    text: isGood ? 'accepted, as said' : `${outcomeText(shown)}, as said`,
    paint: isGood ? style.good : style.warn,
  };
}

function outcomeText({ operation, seen }: StepRehearsal): string {
  switch (seen.outcome) {
    case 'accepted':
      return `${operation} accepted`;
    case 'fatal':
      return `${operation}: Xen died`;
    default:
      return `${operation} ${seen.outcome}: ${errnoName(seen.errno ?? 0)}`;
  }
}

function testsText({ tests }: PayloadRehearsal, unstable: readonly string[]): string {
  const known = tests.filter(({ test }) => !unstable.includes(test));
  if (known.length === 0) return '';
  const changed = known.filter((test) => !isSameRun(test.before, test.with));
  if (changed.length === 0) return 'changes nothing';
  const names = changed.map(({ test }) => test).join(', ');
  const isBack = known.every(({ before, after }) => after !== null && isSameRun(before, after));
  return `changes ${names}${isBack ? ', and back' : ', not back'}`;
}

function details(payload: PayloadRehearsal, style: Style): readonly string[] {
  const name = escapeName(payload.name);
  const steps = payload.steps.flatMap((step) => {
    const { operation, seen, expected, difference, elapsedMs } = step;
    const held = difference === null ? 'it held' : 'it may not have held';
    return [
      `${outcomeText(step)}, ${seconds(elapsedMs)}`,
      ...seen.log.map((line) => `  Xen: ${line}`),
      ...expected.assumptions.map((text) => `  assumed of the ${operation}: ${text}; ${held}`),
    ];
  });
  const tests = payload.tests.flatMap(({ test, before, with: now, after }) => [
    ...(isSameRun(before, now) ? [] : [`${test}, with it: ${changeText(before, now)}`]),
    ...(after === null || isSameRun(before, after)
      ? []
      : [`${test}, without it again: ${changeText(before, after)}`]),
  ]);
  return [...steps, ...tests].map((text) => style.dim(`  ${name}: ${escapeText(text)}`));
}

/** The same for programs. */
export function rehearsalFields(done: XenRehearsal): Fields {
  const { rehearsal, withoutKvm, ...about } = done;
  const { payloads, unstableTests, left } = rehearsal;
  return {
    ...about,
    withoutKvm,
    left: left.map(nameText),
    payloads: payloads.map((payload) => ({
      ...{ file: payload.file, name: nameText(payload.name) },
      ...{ skipped: payload.skipped, isDeadly: payload.isDeadly, elapsedMs: elapsedOf(payload) },
      steps: payload.steps.map(({ operation, expected, seen, difference, elapsedMs }) => ({
        ...{ operation, expected: answerFields(expected), seen, difference, elapsedMs },
      })),
      tests: payload.tests.map((test) => testFields(test, unstableTests)),
    })),
  };
}

function answerFields({ faults: _, operation: __, ...answer }: XenAnswer): Fields {
  return answer;
}

function testFields(
  { test, before, with: now, after }: TestRehearsal,
  unstable: readonly string[],
): Fields {
  const isKnown = !unstable.includes(test);
  return {
    test,
    isChanged: isKnown ? !isSameRun(before, now) : null,
    isBack: isKnown && after !== null ? isSameRun(before, after) : null,
    before: runFields(before),
    with: runFields(now),
    after: after === null ? null : runFields(after),
  };
}

function runFields({ status, output, outputBytes }: TestRun): Fields {
  return { status, output: Buffer.from(output).toString('utf8'), outputBytes };
}
