import assert from 'node:assert/strict';
import test from 'node:test';
import { escapeName, escapeText } from '../../cli/terminal/escape.js';
import { createStyle } from '../../cli/terminal/style.js';
import { renderTable } from '../../cli/terminal/table.js';
import { renderExecution } from '../../cli/views/execution.js';
import { renderJson } from '../../cli/views/json.js';
import type { ExecutionReport, StepReport } from '../../core/change/index.js';
import { failureOf } from '../../core/change/outcome.js';
import type { OperationResult } from '../../core/hypervisor/index.js';
import type { Step } from '../../core/stack/index.js';

const plain = createStyle({ isTTY: false }, false, {});
const step = (action: Step['action'], name: string): Step => ({
  action,
  name,
  buildId: null,
  depends: null,
  reason: 'was asked for',
});
const answer = (payloadRc: number, log: readonly string[] = []): OperationResult => ({
  hypercallRc: 0,
  payloadRc,
  log,
  elapsedMs: 1.25,
});
const upload: StepReport = {
  step: step('upload', 'a'),
  status: 'done',
  result: answer(0),
  attempts: 1,
};

function report(last: StepReport, more: Partial<ExecutionReport> = {}): ExecutionReport {
  return {
    outcome: 'taken-back',
    asItWas: true,
    lost: [],
    interrupted: false,
    steps: [upload, last],
    undone: [{ ...upload, step: step('unload', 'a') }],
    forgotten: [],
    after: {
      hypervisor: { buildId: null, release: { major: 4, minor: 17, patch: 7 }, version: '4.17.7' },
      payloads: [],
    },
    ...more,
  };
}

const refused: StepReport = {
  step: step('apply', 'a'),
  status: 'failed',
  result: answer(-22, ['a: no']),
  attempts: 1,
};
const busy: StepReport = {
  step: step('apply', 'a'),
  status: 'busy',
  result: answer(-16),
  attempts: 13,
};
const skipped: StepReport = {
  step: step('apply', 'a'),
  status: 'skipped',
  result: null,
  attempts: 0,
};

const gone: StepReport = {
  step: { ...step('unload', 'a'), reason: 'somebody else unloaded it' },
  status: 'none',
  result: null,
  attempts: 0,
};

test('the exit code and the words tell what became of an execution', () => {
  const cases = [
    [report(refused), 1, 'refused', /EINVAL, "a: no": what was done is taken back/],
    [report(refused, { outcome: 'stuck', undone: [] }), 1, 'refused', /could not be taken back/],
    [report(refused, { outcome: 'partial', undone: [] }), 1, 'refused', /what was done stays/],
    [
      report(refused, { undone: [gone], asItWas: false }),
      1,
      'changed-meanwhile',
      /EINVAL, "a: no": what was done is taken back \(a: somebody else unloaded it\)$/,
    ],
    [report(busy), 2, 'busy', /busy at the apply of a after 13 tries \(EBUSY\)/],
    [report(skipped, { interrupted: true }), 1, 'interrupted', /is taken back/],
  ] as const;
  for (const [outcome, exitCode, code, message] of cases) {
    const failure = failureOf(outcome);
    assert.equal(failure?.exitCode, exitCode);
    assert.equal(failure?.code, code);
    assert.match(failure?.message ?? '', message);
  }
  assert.equal(failureOf(report(upload, { outcome: 'done' })), null);
});

test('an execution is shown a payload a row, with times and what was taken back', () => {
  const text = renderExecution(report(refused), 12, plain, false);
  assert.deepEqual(text.split('\n'), [
    '  failed  a  upload 1.3 ms, apply 1.3 ms: EINVAL, "a: no"',
    'Taken back:',
    '  done  a  unload 1.3 ms',
    'Failed: what was done is taken back, the host is as it was. Applied now: nothing',
  ]);
});

test('what somebody else took back is shown as gone', () => {
  const text = renderExecution(
    report(refused, { undone: [gone], asItWas: false }),
    12,
    plain,
    false,
  );
  assert.deepEqual(text.split('\n').slice(1), [
    'Taken back:',
    '  gone  a  unload: somebody else unloaded it',
    'Failed: what was done is taken back. Applied now: nothing',
  ]);
});

test('nothing that a terminal obeys gets through', () => {
  const cases = [
    ['plain ü 漢', 'plain ü 漢'],
    ['\u001b[31m\n\u007f\u009b', '\\x1b[31m\\x0a\\x7f\\x9b'],
    ['\u202e\u200b\u2028\ufeff', '\\u{202e}\\u{200b}\\u{2028}\\u{feff}'],
    ['\ud800', '\\u{d800}'],
  ] as const;
  for (const [text, shown] of cases) {
    assert.equal(escapeText(text), shown);
    assert.equal(escapeText(shown), shown);
    assert.equal(JSON.parse(renderJson({ text })).text, text);
  }
  assert.equal(escapeName(Buffer.from('ü\u001b').toString('latin1')), 'ü\\x1b');
  assert.equal(escapeName('\xff\xfea'), '\\xff\\xfea');
  assert.doesNotMatch(renderJson({ text: '\u009b\u202e\u007f' }), /[\u007f-\u009f\u202e]/);
  assert.equal(
    renderJson({ a: 0xffff82d040200000n, b: new Uint8Array([1, 255]) }).replace(/\s/g, ''),
    '{"a":"0xffff82d040200000","b":"01ff"}',
  );
});

test('columns are aligned by what a terminal shows', () => {
  assert.equal(
    renderTable(
      [
        ['漢', 'x'],
        ['abc', 'y'],
        ['\u0007', 'z'],
      ],
      plain,
    ),
    '漢    x\nabc   y\n\\x07  z',
  );
});
