import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { RootedTree } from '../../cli/file-tree.js';
import {
  type LinkFailure,
  type Loaded,
  ObjectFiles,
  searchPaths,
  startProcess,
} from '../../core/link/index.js';
import { complaintOf, objectsOf } from '../support/dynamic-linker.js';

const LINKER = '/lib64/ld-linux-x86-64.so.2';
const missing = existsSync(LINKER) ? false : 'no x86-64 glibc here: no linker to ask';
const hasCompiler = spawnSync('gcc', ['--version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'xsplice-link-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const files = new ObjectFiles(new RootedTree('/'));

function predict(program: string, libraryPath: readonly string[] = []) {
  const own = new ObjectFiles(new RootedTree('/'));
  const used = libraryPath.length === 0 ? files : own;
  const file = used.at(program);
  assert.ok(file !== null);
  return startProcess(used, searchPaths(used.tree, libraryPath), file, program);
}

/** What the linker itself says, with everything bound, without running anything of the program. */
function ask(program: string, libraryPath: readonly string[] = []) {
  const env = { LD_TRACE_LOADED_OBJECTS: '1', LD_BIND_NOW: '1', LD_WARN: '1', LC_ALL: 'C' };
  const words = libraryPath.length === 0 ? [] : ['--library-path', libraryPath.join(':')];
  const { stdout, stderr } = spawnSync(LINKER, [...words, program], { encoding: 'utf8', env });
  return `${stdout}${stderr}`;
}

function pathsOf(loaded: readonly Loaded[]): readonly string[] {
  return loaded.slice(1).map(({ path }) => path);
}

describe('the dynamic linker of this machine', { skip: missing }, () => {
  const programs = ['/usr/bin', '/usr/sbin']
    .flatMap((place) =>
      readdirSync(place)
        .sort()
        .map((name) => join(place, name)),
    )
    .filter((path) => existsSync(path) && isDynamic(path))
    .map((path) => realpathSync(path))
    .filter((_, index) => index % 7 === 0)
    .slice(0, 60);

  test('loads what was predicted, in that order, for programs of this machine', () => {
    assert.ok(programs.length > 20);
    for (const program of programs) {
      const said = ask(program);
      const started = predict(program);
      const wrong = complaintOf(said);
      if (wrong !== null) {
        assert.equal(failureText(started), wrong, program);
        continue;
      }
      assert.equal(started.kind, 'started', `${program}: ${JSON.stringify(started)}`);
      if (started.kind !== 'started') continue;
      const theirs = objectsOf(said).filter((path) => !path.includes('ld-linux'));
      const ours = pathsOf(started.process.global).filter((path) => !path.includes('ld-linux'));
      assert.deepEqual(ours, theirs, program);
    }
  });
});

function failureText(started: ReturnType<typeof predict>): string | null {
  return started.kind === 'failed' ? started.failure.text : null;
}

function isDynamic(path: string): boolean {
  try {
    const head = readFileSync(path);
    return head.readUInt32LE(0) === 0x464c457f && head[4] === 2 && head.includes('ld-linux-x86-64');
  } catch {
    return false;
  }
}

/** A program and a library, made with gcc: what is in the library and how it is linked changes. */
function make(
  name: string,
  parts: {
    readonly wanted: string;
    readonly present: string | null;
    readonly wantedMap?: string;
    readonly presentMap?: string;
    readonly program?: string;
  },
): { readonly program: string; readonly folder: string } {
  const at = join(folder, name);
  mkdirSync(join(at, 'old'), { recursive: true });
  mkdirSync(join(at, 'new'), { recursive: true });
  library(join(at, 'old'), parts.wanted, parts.wantedMap);
  if (parts.present !== null) library(join(at, 'new'), parts.present, parts.presentMap);
  const source = join(at, 'main.c');
  writeFileSync(source, parts.program ?? 'extern int one(void); int main(void) { return one(); }');
  const program = join(at, 'main');
  gcc(['-o', program, source, '-L', join(at, 'old'), '-lx']);
  return { program, folder: join(at, 'new') };
}

function library(at: string, source: string, map?: string): void {
  writeFileSync(join(at, 'x.c'), source);
  const words = ['-shared', '-fPIC', '-Wl,-soname,libx.so.1', '-o', join(at, 'libx.so.1')];
  if (map !== undefined) {
    writeFileSync(join(at, 'x.map'), map);
    words.push(`-Wl,--version-script=${join(at, 'x.map')}`);
  }
  gcc([...words, join(at, 'x.c')]);
  symlinkSync('libx.so.1', join(at, 'libx.so'));
}

function gcc(words: readonly string[]): void {
  const { status, stderr } = spawnSync('gcc', words, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

const ONE = 'int one(void) { return 1; }';
const V1 = 'V_1 { global: one; local: *; };';
const V2 = 'V_2 { global: one; local: *; };';

describe('what the linker refuses, in its words', {
  skip: missing || (hasCompiler ? false : 'no gcc'),
}, () => {
  const cases: readonly (readonly [string, Parameters<typeof make>[1], RegExp | null])[] = [
    ['the same library', { wanted: ONE, present: ONE, wantedMap: V1, presentMap: V1 }, null],
    ['no library', { wanted: ONE, present: null }, /libx\.so\.1: cannot open/],
    [
      'another version',
      { wanted: ONE, present: ONE, wantedMap: V1, presentMap: V2 },
      /version `V_1' not found/,
    ],
    ['versions gone', { wanted: ONE, present: ONE, wantedMap: V1 }, null],
    ['versions come', { wanted: ONE, present: ONE, presentMap: V1 }, null],
    [
      'a symbol less',
      { wanted: ONE, present: 'int two(void) { return 2; }' },
      /undefined symbol: one/,
    ],
    [
      'a symbol less of its version',
      {
        wanted: ONE,
        present: 'int two(void) { return 2; }',
        wantedMap: V1,
        presentMap: 'V_1 { global: two; local: *; };',
      },
      /undefined symbol: one, version V_1/,
    ],
    [
      'a weak one less',
      {
        wanted: ONE,
        present: 'int two(void) { return 2; }',
        program:
          'extern int one(void) __attribute__((weak)); int main(void) { return one ? one() : 0; }',
      },
      null,
    ],
    [
      'a variable less',
      {
        wanted: 'int held = 1;',
        present: ONE,
        program: 'extern int held; int main(void) { return held; }',
      },
      /undefined symbol: held/,
    ],
    [
      'a hidden symbol',
      {
        wanted: ONE,
        present: `__attribute__((visibility("hidden"))) ${ONE} int two(void) { return 2; }`,
      },
      /undefined symbol: one/,
    ],
  ];
  for (const [name, parts, expected] of cases) {
    test(name, () => {
      const { program, folder: at } = make(name.replaceAll(' ', '-'), parts);
      const complaint = complaintOf(ask(program, [at]));
      const text = failureText(predict(program, [at]));
      assert.equal(text, complaint);
      if (expected === null) assert.equal(text, null);
      else assert.match(text ?? '', expected);
    });
  }

  test('a library of which the file is cut short, byte for byte', () => {
    const { program, folder: at } = make('cut', { wanted: ONE, present: ONE });
    const whole = readFileSync(join(at, 'libx.so.1'));
    for (const size of [0, 1, 63, 64, 200, 4095, 4096, 8192, 12288, whole.length - 1]) {
      const cut = join(folder, 'cut', `to-${size}`);
      mkdirSync(cut);
      writeFileSync(join(cut, 'libx.so.1'), whole.subarray(0, size));
      const { status, signal, stderr } = spawnSync(program, [], {
        encoding: 'utf8',
        env: { LD_LIBRARY_PATH: cut, LD_BIND_NOW: '1' },
      });
      const started = predict(program, [cut]);
      const failure: LinkFailure | null = started.kind === 'failed' ? started.failure : null;
      if (signal === 'SIGBUS') assert.equal(failure?.kind, 'kills', `${size}`);
      else if (signal !== null)
        assert.ok(['damaged', 'kills'].includes(failure?.kind ?? ''), `${size}: ${signal}`);
      else if (status === 127)
        assert.ok(
          stderr.includes(failure?.text ?? '?'),
          `${size}: ${stderr}, ours: ${failure?.text}`,
        );
      else assert.equal(failure, null, `${size}`);
    }
  });

  test('a 32-bit, big-endian, foreign library, and text', () => {
    const { program, folder: at } = make('foreign', { wanted: ONE, present: ONE });
    const whole = readFileSync(join(at, 'libx.so.1'));
    const changes: readonly (readonly [string, number, number])[] = [
      ['32-bit', 4, 1],
      ['big-endian', 5, 2],
      ['arm64', 18, 183],
      ['no-elf', 0, 0x20],
      ['type-rel', 16, 1],
      ['version', 6, 2],
    ];
    for (const [name, offset, value] of changes) {
      const changed = join(folder, 'foreign', name);
      mkdirSync(changed);
      copyFileSync(join(at, 'libx.so.1'), join(changed, 'libx.so.1'));
      const bytes = Buffer.from(whole);
      bytes[offset] = value;
      writeFileSync(join(changed, 'libx.so.1'), bytes);
      const { stderr } = spawnSync(program, [], {
        encoding: 'utf8',
        env: { LD_LIBRARY_PATH: changed, LD_BIND_NOW: '1' },
      });
      const text = failureText(predict(program, [changed]));
      assert.equal(text, /shared libraries: (.*)$/m.exec(stderr)?.[1], name);
    }
  });
});
