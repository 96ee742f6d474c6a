import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Progress } from '../../cli/terminal/progress.js';
import { Screen } from '../../cli/terminal/screen.js';
import { createStyle } from '../../cli/terminal/style.js';
import { makeChain } from '../bench/samples.js';
import { CLI, DEMO_IMAGE, temporaryFolder } from '../support/cli.js';
import { onTerminal } from '../support/screen.js';
import { capturedStreams } from '../support/streams.js';

const hasScript = spawnSync('script', ['--version']).status === 0;

/** Progress on standard error of this kind, and what was written to it. */
function progressOn(isTTY: boolean, isSilent: boolean, term: string) {
  const { streams, stderr } = capturedStreams({ TERM: term });
  const stream = Object.assign(streams.stderr, { isTTY, columns: 30 });
  const screen = new Screen(stream, createStyle(stream, false, streams.env));
  return { written: stderr, progress: new Progress(screen, isSilent) };
}

test('progress is shown on a terminal that can write over a line, and nowhere else', async () => {
  const shown = progressOn(true, false, 'xterm');
  const others = {
    pipe: progressOn(false, false, 'xterm'),
    dumb: progressOn(true, false, 'dumb'),
    quiet: progressOn(true, true, 'xterm'),
  };
  shown.progress.share('Reading', 1, 100);
  shown.progress.end();
  assert.equal(shown.written(), '', 'what is over soon is not told of');
  await sleep(600);
  for (const { progress } of [shown, ...Object.values(others)]) {
    progress.share('Reading', 42, 100);
    progress.share('Reading', 43, 100);
    progress.say('a step with a name that does not fit');
    progress.end();
  }
  assert.equal(
    shown.written(),
    '\r\u001b[KReading: 42 %\r\u001b[Ka step with a name that do...\r\u001b[K',
  );
  for (const [why, { written }] of Object.entries(others)) assert.equal(written(), '', why);
});

test('a check that takes long says how far it is, and leaves nothing of it', {
  skip: hasScript ? false : 'no script(1)',
}, async (t) => {
  const folder = makeChain(join(temporaryFolder(t), 'chain'), 800);
  const words = [process.execPath, CLI, 'check', folder, '--image', DEMO_IMAGE];
  const { raw, screen, code } = await onTerminal(words.join(' '), { columns: 200 });
  assert.equal(code, 0, screen);
  // Each line of progress begins with the code that removes the one before.
  const told = raw.split('\r\u001b[K').flatMap((line) => {
    const share = /^Checking against \S+: (\d+) %/.exec(line)?.[1];
    return share === undefined ? [] : [Number(share)];
  });
  assert.ok(told.length > 1, raw.slice(0, 400));
  assert.deepEqual(
    told,
    [...told].sort((a, b) => a - b),
  );
  assert.doesNotMatch(screen, / %/);
  assert.match(screen, /^Hypervisor Xen/);
});
