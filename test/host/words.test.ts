import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { splitWords } from '../../core/host/words.js';

describe('words of a command', () => {
  const table: readonly (readonly [string, readonly string[] | null])[] = [
    ['', []],
    ['  ', []],
    ['qvm-run --pass-io -u root dom0', ['qvm-run', '--pass-io', '-u', 'root', 'dom0']],
    ["docker exec -i 'a b' sh -c", ['docker', 'exec', '-i', 'a b', 'sh', '-c']],
    ['a\\ b "c \\" \\d" \'e\\\'', ['a b', 'c " \\d', 'e\\']],
    ['""', ['']],
    ['$HOME;rm `x` *|&', ['$HOME;rm', '`x`', '*|&']],
    ["'open", null],
    ['"open', null],
    ['end\\', null],
  ];
  for (const [text, words] of table) {
    it(JSON.stringify(text), () => assert.deepEqual(splitWords(text), words));
  }

  it('are those of a shell, where nothing in them means anything to it', () => {
    const piece = fc.constantFrom('a', 'b c', ' ', '\t', "'", '"', '\\', 'é', '-');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const words = splitWords(text);
        const shell = spawnSync('/bin/sh', ['-c', `printf '%s\\0' x ${text}`], {
          encoding: 'utf8',
        });
        // A backslash at the very end stands for itself in some shells: it is refused here.
        if (words === null) return;
        assert.equal(shell.status, 0, text);
        assert.deepEqual(words, shell.stdout.split('\0').slice(1, -1), text);
      }),
      { numRuns: 60 },
    );
  });
});
