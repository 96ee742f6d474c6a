import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { livepatchLines } from '../../../core/abi/console.js';
import { parseDump } from '../../../core/hypervisor/xen/dump.js';
import { repositoryRoot } from '../../support/repository.js';

interface Capture {
  readonly xen: string;
  /** As LIST gave them. */
  readonly names: readonly string[];
  readonly console: Readonly<Record<string, string>>;
}

const CAPTURED = join(repositoryRoot(), 'test', 'hypervisor', 'xen', 'captured');

/** Console texts of a real hypervisor. */
function readCapture(release: string): Capture {
  return JSON.parse(readFileSync(join(CAPTURED, `xen-${release}.json`), 'utf8')) as Capture;
}

const ID = { xen: 'aa'.repeat(20), a: '0a'.repeat(20), b: '0b'.repeat(20), c: '0c'.repeat(16) };
const START = "'x' pressed - Dumping all livepatch patches";

function header(name: string): string {
  return ` name=${name} state=APPLIED(2) ffff82d0405b0000 (.data=ffff82d0405b1000, .rodata=ffff82d0405b2000) using 3 pages.`;
}

function ids(own: string, parent: string): string[] {
  return [`build-id=${own}`, `depend-on=${parent}`];
}

/** Lines as the ring holds them; a line break inside a line starts a new one with its own prefix. */
function ring(...lines: readonly string[]): string {
  return lines
    .flatMap((line) => line.split('\n'))
    .map((line) => `(XEN) ${line}\n`)
    .join('');
}

const FUNCTION = '    do_it patch ffff82d040230f90(12) with ffff82d040609000 (8)';
const A = { buildId: ID.a, depends: ID.xen, functions: ['do_it'] };
const B = { buildId: ID.b, depends: ID.a, functions: [] };
const LINES_A = [header('a'), FUNCTION, ...ids(ID.a, ID.xen)];
const LINES_B = [header('b'), ...ids(ID.b, ID.a)];

describe('dumps of real hypervisors', () => {
  for (const release of ['4.14', '4.17', '4.20']) {
    const capture = readCapture(release);
    const text = capture.console['dump'] ?? '';
    const xenId = /build-id: ([0-9a-f]+)/.exec(text)?.[1];

    it(`Xen ${release}: odd names, metadata, no functions`, () => {
      const result = parseDump(text, capture.names);
      assert.ok(result.kind === 'complete');
      assert.equal(result.payloads.length, 4);
      const [metadata, bye, odd, unnamed] = result.payloads;
      assert.deepEqual(
        [metadata, bye, odd, unnamed].map((payload) => payload?.functions),
        [['xen_extra_version'], ['xen_extra_version'], [], ['xen_extra_version']],
      );
      for (const payload of [metadata, odd, unnamed]) assert.equal(payload?.depends, xenId);
      assert.notEqual(bye?.depends, xenId);
      const own = result.payloads.map((payload) => payload?.buildId);
      assert.equal(new Set(own).size, 4);
      for (const id of own) assert.match(id ?? '', /^[0-9a-f]{40}$/);
    });
    it(`Xen ${release}: nothing loaded`, () => {
      const result = parseDump(capture.console['empty dump'] ?? '', []);
      assert.deepEqual(result, { kind: 'complete', payloads: [] });
    });
    it(`Xen ${release}: every beginning of it is incomplete`, () => {
      for (let end = 0; end < text.lastIndexOf('depend-on='); end += 7) {
        const result = parseDump(text.slice(0, end), capture.names);
        assert.deepEqual(result, { kind: 'incomplete' }, `cut at ${end}`);
      }
    });
    it(`Xen ${release}: of the end of it, the last payloads are known`, () => {
      const whole = parseDump(text, capture.names);
      assert.ok(whole.kind === 'complete');
      const tail = parseDump(text.slice(text.indexOf(' name=bye') - 20), capture.names);
      assert.deepEqual(tail, { kind: 'complete', payloads: [null, ...whole.payloads.slice(1)] });
    });
    it(`Xen ${release}: what it prints when it applies and refuses`, () => {
      const applied = livepatchLines(capture.console['metadata apply'] ?? '');
      assert.ok(applied.includes('metadata: Applying 1 functions'));
      assert.equal(applied.at(-1), 'metadata finished APPLY with rc=0');
      assert.deepEqual(livepatchLines(capture.console['no-xen-depends'] ?? ''), [
        `no-xen-depends: ${release === '4.20' ? 'section ' : ''}.livepatch.xen_depends is missing`,
      ]);
      const mismatch = livepatchLines(capture.console['wrong-xen-depends'] ?? '');
      assert.equal(mismatch.length, release === '4.20' ? 3 : 1);
    });
  }
});

describe('dumps that are damaged or hostile', () => {
  const unknown = { kind: 'complete', payloads: [null, null] };
  const both = { kind: 'complete', payloads: [A, B] };
  const table: readonly (readonly [what: string, text: string, result: object])[] = [
    ['good', ring(START, ...LINES_A, ...LINES_B), both],
    ['other lines in between', ring(START, ...LINES_A, 'd3v0 noise', ...LINES_B, 'more'), both],
    ['an older dump before it', ring(START, ...LINES_B, START, ...LINES_A, ...LINES_B), both],
    ['nothing', '', { kind: 'incomplete' }],
    [
      'a header is damaged',
      ring(START, header('a').slice(0, 40), ...LINES_B),
      { kind: 'incomplete' },
    ],
    ['the start was overwritten', ring(...LINES_B), { kind: 'complete', payloads: [null, B] }],
    ['no ids at the end', ring(START, ...LINES_A, header('b')), { kind: 'incomplete' }],
    ['its lock was held', ring(START, 'Lock held. Try again.'), { kind: 'locked' }],
    [
      'the lock was lost half way',
      ring(START, ...LINES_A, header('b'), "Couldn't reacquire lock. Try again."),
      { kind: 'locked' },
    ],
    ['the wrong order', ring(START, ...LINES_B, ...LINES_A), unknown],
    [
      'ids in metadata: the last ones count',
      ring(
        START,
        header('a'),
        `livepatch:   x=\n${ids(ID.c, ID.c).join('\n')}`,
        FUNCTION,
        ...ids(ID.a, ID.xen),
        ...LINES_B,
      ),
      both,
    ],
    [
      "another payload's header in metadata: nothing is believed",
      ring(
        START,
        header('a'),
        `livepatch:   x=\n${header('b')}`,
        ...ids(ID.c, ID.c),
        ...ids(ID.a, ID.xen),
        ...LINES_B,
      ),
      unknown,
    ],
    [
      'an id that is not whole bytes',
      ring(START, ...LINES_A, header('b'), ...ids('abc', ID.a)),
      { kind: 'complete', payloads: [A, { ...B, buildId: null }] },
    ],
    [
      'an id so long that Xen cut it',
      ring(START, ...LINES_A, header('b'), ...ids('ab'.repeat(64), ID.a)),
      { kind: 'complete', payloads: [A, { ...B, buildId: null }] },
    ],
    [
      'ids glued to a line that Xen cut',
      ring(
        START,
        ...LINES_A,
        header('b'),
        `livepatch:   ${'x'.repeat(900)}build-id=${ID.b}`,
        `depend-on=${ID.a}`,
      ),
      both,
    ],
  ];
  for (const [what, text, result] of table) {
    it(what, () => assert.deepEqual(parseDump(text, ['a', 'b']), result));
  }
});
