import assert from 'node:assert/strict';
import test from 'node:test';
import { explain } from '../../core/verify/explain/index.js';
import { DEMO_IMAGE, demo, embeddedHost, runCli } from '../support/cli.js';

/** How often a text occurs in another. */
function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

const stage = explain('functions');
assert.ok(stage);

test('check --explain says once how to mend a payload', async () => {
  const file = demo('too-small');
  const plain = await runCli(['check', file, '--image', DEMO_IMAGE]);
  assert.equal(count(plain.stdout, stage.mend), 1);
  assert.equal(count(plain.stdout, stage.what), 0);
  const explained = await runCli(['check', file, '--image', DEMO_IMAGE, '--explain']);
  assert.equal(count(explained.stdout, stage.mend), 1);
  assert.equal(count(explained.stdout, stage.what), 1);
});

test('a refused plan says it once as well', async (context) => {
  const host = await embeddedHost(context);
  const { code, stderr } = await runCli([
    'apply',
    demo('too-small'),
    ...host,
    '--yes',
    '--explain',
  ]);
  assert.equal(code, 1);
  assert.equal(count(stderr, stage.mend), 1);
  assert.equal(count(stderr, stage.what), 1);
});

test('a hazard whose hint is another shows both', async () => {
  const hazard = explain('nop-splits-instruction');
  assert.ok(hazard);
  const { stdout } = await runCli([
    'check',
    demo('dangerous/nop-misaligned'),
    '--image',
    DEMO_IMAGE,
    '--explain',
  ]);
  assert.equal(count(stdout, `mend   ${hazard.mend}`), 1);
});
