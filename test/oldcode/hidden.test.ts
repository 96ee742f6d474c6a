import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createStyle } from '../../cli/terminal/style.js';
import { renderWhich } from '../../cli/views/which.js';
import { modelWithApplied } from '../../core/host/index.js';
import {
  effectiveCode,
  type HiddenPayload,
  hidingOf,
  readBaseCode,
  runningCode,
} from '../../core/oldcode/index.js';
import { demo } from '../support/cli.js';
import { booted, demoImage, inputsOf } from '../support/demo-host.js';
import { capturedStreams } from '../support/streams.js';

const base = readBaseCode(demoImage);
const ASKED = 'xen_extra_version';
const { streams } = capturedStreams({ NO_COLOR: '1' });
const style = createStyle(streams.stdout, false, streams.env);

function asked(hidden: readonly HiddenPayload[], ...applied: readonly string[]) {
  const code = runningCode(base, modelWithApplied(booted.model, inputsOf(...applied.map(demo))));
  const answer = effectiveCode(code, ASKED);
  const hiding = hidingOf(code, answer, hidden);
  return { hiding, text: renderWhich(ASKED, answer, hiding, style) };
}

describe('which does not say that code runs which it knows to be replaced (defect 7)', () => {
  it('by a payload whose contents are not at hand', () => {
    const { hiding, text } = asked([{ name: 'lp-c', functions: [ASKED], above: [] }]);
    assert.equal(hiding.replacedBy, 'lp-c');
    assert.match(text, /replaced by lp-c, whose code is not known$/);
    assert.doesNotMatch(text, /runs/);
  });

  it('and says that it may be, where it is not known what the payload replaces', () => {
    const { hiding, text } = asked([{ name: 'lp-c', functions: null, above: [] }]);
    assert.deepEqual(hiding, { replacedBy: null, mayBeReplacedBy: ['lp-c'] });
    assert.match(text, /runs, unless lp-c replaced it$/);
  });

  it('nor of code that lies above the hidden payload, or is not what it replaces', () => {
    const below = asked([{ name: 'lp-c', functions: [ASKED], above: [] }], 'hello');
    assert.match(below.text, /new code of hello +runs$/);
    const above = asked([{ name: 'lp-c', functions: [ASKED], above: ['hello'] }], 'hello');
    assert.match(above.text, /replaced by lp-c/);
    const other = asked([{ name: 'lp-c', functions: ['xen_compiler'], above: [] }]);
    assert.match(other.text, /runs$/);
  });
});
