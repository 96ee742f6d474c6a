import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { describe } from 'node:test';
import { isAsciiOnly } from '../../cli/terminal/charset.js';
import { createStyle } from '../../cli/terminal/style.js';
import { renderTable } from '../../cli/terminal/table.js';
import stringWidth from '../../cli/terminal/width.js';
import { fragmentsOf, wrapLine, wrapWithin } from '../../cli/terminal/wrap.js';
import { CLI, DEMO_IMAGE, demo, embeddedHost, temporaryFolder } from '../support/cli.js';
import { repositoryRoot } from '../support/repository.js';
import { onTerminal } from '../support/screen.js';
import { makeScreens, WIDTHS } from './screens.js';

const GOLDENS = join(repositoryRoot(), 'test', 'screens', 'golden');
const has = (program: string, option: string) => spawnSync(program, [option]).status === 0;
const skip = has('script', '--version') ? false : 'no script(1)';
/** Of colours, and of the places where a question is written. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: codes begin with one.
const CODES = /\u001b\[[\d;]*[A-Za-z]/g;
const X = `'${process.execPath}' '${CLI}'`;

describe('the screen of a terminal', { concurrency: WIDTHS.length, skip }, () => {
  for (const columns of WIDTHS) {
    test(`is at ${columns} columns as it was looked at`, async (t) => {
      const screens = await makeScreens(temporaryFolder(t), columns);
      const goldens = join(GOLDENS, String(columns));
      assert.deepEqual(
        readdirSync(goldens).sort(),
        [...screens.keys()].map((name) => `${name}.txt`).sort(),
      );
      for (const [name, screen] of screens) {
        assert.equal(screen, readFileSync(join(goldens, `${name}.txt`), 'utf8'), name);
      }
    });
  }
});

describe('terminals that can do little', { skip }, () => {
  const ways = [
    { what: 'a serial console', env: { LC_ALL: 'C', TERM: 'vt100' }, columns: 0 },
    { what: 'a dumb terminal', env: { LC_ALL: 'C', TERM: 'dumb' }, columns: 80 },
    { what: 'no locale', env: { LC_ALL: '', LANG: '', LC_CTYPE: '', TERM: 'xterm' }, columns: 60 },
  ];
  for (const { what, env, columns } of ways) {
    test(`${what} is sent what it understands`, async (t) => {
      const host = await embeddedHost(t);
      const { raw, code } = await onTerminal(
        `${X} help && ${X} check '${demo('hello')}' --image '${DEMO_IMAGE}' && ${X} apply '${demo('hello')}' ${host.join(' ')}`,
        { columns, env, answers: [[/Do this\? \[y\/N\] /, 'y\n']] },
      );
      assert.equal(code, 0, raw);
      const text = raw.replace(CODES, '');
      assert.match(text, /Done: 2 steps/);
      assert.match(text, /xsplice-ts COMMAND \.\.\./);
      assert.match(text, /\s-\s+Xen/);
      assert.match(env.TERM === 'dumb' ? raw : text, /^[\r\n\x20-\x7e]*$/);
      const width = columns || 80;
      // What is written over begins with a return.
      for (const line of text.split(/\r\n?/)) {
        const isPath = /\S{50}/.test(line);
        assert.ok(isPath || line.length <= width, `${line.length} > ${width}: ${line}`);
      }
    });
  }

  test('a question that is not answered ends its line, and nothing is changed', async (t) => {
    const host = await embeddedHost(t);
    for (const typed of ['\u0003', '\u0004', 'n\n', '\n']) {
      const { screen, code } = await onTerminal(`${X} apply '${demo('hello')}' ${host.join(' ')}`, {
        columns: 200,
        answers: [[/Do this\? \[y\/N\] /, typed]],
      });
      assert.equal(code, 1);
      assert.match(screen, /^Do this\? \[y\/N\] n?\n.*Nothing was changed/m, JSON.stringify(typed));
    }
  });

  test('a question is asked only where somebody can answer', async (t) => {
    const host = await embeddedHost(t);
    const apply = `${X} apply '${demo('hello')}' ${host.join(' ')}`;
    for (const line of [`${apply} </dev/null`, `${apply} 2>&1 | cat`, `${apply} 2>/dev/null`]) {
      const { screen } = await onTerminal(`${line}; echo end`, { columns: 200 });
      assert.doesNotMatch(screen, /\[y\/N\]/, line);
      assert.match(screen, /^end$/m, line);
    }
    // Standard output may go anywhere.
    const { screen } = await onTerminal(`${apply} | cat`, {
      columns: 200,
      answers: [[/\[y\/N\] /, 'y\n']],
    });
    assert.match(screen, /Done: 2 steps/);
  });
});

test('tmux shows what the emulator does', {
  skip: has('tmux', '-V') && !skip ? false : 'no tmux',
}, async (t) => {
  const folder = temporaryFolder(t);
  const socket = join(folder, 'tmux');
  const tmux = (...words: readonly string[]) =>
    spawnSync('tmux', ['-S', socket, ...words], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8', TERM: 'xterm-256color' },
    });
  const line = `${X} explain fork would-be-refused`;
  const { screen } = await onTerminal(line, { columns: 60 });
  tmux('-f', '/dev/null', 'new-session', '-d', '-x', '60', '-y', '50', `${line}; sleep 60`);
  t.after(() => tmux('kill-server'));
  let shown = '';
  for (let turn = 0; turn < 200 && shown.trimEnd() !== screen.trimEnd(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    shown = tmux('capture-pane', '-p').stdout;
  }
  assert.equal(shown.trimEnd(), screen.trimEnd());
});

test('the locale says whether a stream gets ASCII', () => {
  const terminal = { isTTY: true };
  const ascii = (stream: { isTTY?: boolean }, env: Record<string, string>) =>
    isAsciiOnly(stream, env);
  assert.ok(ascii(terminal, { LANG: 'C' }));
  assert.ok(ascii({}, { LC_ALL: 'POSIX', LANG: 'en_GB.UTF-8' }));
  assert.ok(ascii(terminal, { LANG: 'de_DE.ISO-8859-1' }));
  assert.ok(ascii(terminal, {}));
  assert.ok(!ascii({}, {}));
  assert.ok(!ascii(terminal, { LC_ALL: '', LC_CTYPE: 'C.utf8', LANG: 'C' }));
});

test('tables keep to the width there is, and lose nothing', () => {
  const long = 'a_very_long_name_of_a_function_in_a_payload';
  const rows = [
    ['#', 'NAME', 'STATE', 'EMPTY', 'WHY'],
    ['1', long, 'APPLIED', '', 'builds on the hypervisor, and on nothing else at all'],
    ['2', '漢字漢字漢字漢字', 'CHECKED', '', 'is loaded already (CHECKED), under this name'],
  ];
  const letters = (text: string) => text.replace(/[\s]/g, '');
  for (let columns = 20; columns <= 140; columns++) {
    const style = createStyle({ isTTY: true, columns }, false, { LANG: 'C.UTF-8' });
    for (const titles of [0, 2]) {
      const text = renderTable(rows, style, { indent: '  ', titles });
      for (const line of text.split('\n')) {
        // A word that is longer has a line of its own.
        const isWord = !line.trim().includes(' ');
        assert.ok(isWord || stringWidth(line) <= columns, `${titles} ${columns}: ${line}`);
        assert.equal(line, line.trimEnd());
      }
      for (const cell of rows.slice(1).flat()) {
        for (const part of fragmentsOf(cell, 12)) {
          assert.ok(letters(text).includes(letters(part)), `${titles} ${columns}: ${part}`);
        }
      }
    }
  }
});

test('text is broken between words, below where it began', () => {
  const wrapped = (line: string, width: number) => wrapLine(line, width, stringWidth);
  assert.equal(
    wrapped('Verdict  Xen will accept each', 20),
    'Verdict  Xen will\n         accept each',
  );
  assert.equal(wrapped('error one two three', 12), 'error one\n  two three');
  assert.equal(wrapped('      a hint of words', 14), '      a hint\n      of words');
  assert.equal(wrapped('short', 12), 'short');
  assert.equal(wrapped('', 12), '');
  assert.equal(wrapped('averylongwordthatstayswhole x', 10), 'averylongwordthatstayswhole\n  x');
  assert.deepEqual(wrapWithin('', 5, 12), ['']);
  assert.deepEqual(wrapWithin('one  two', 4, 12), ['one', 'two']);
});
