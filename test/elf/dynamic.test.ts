import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  DT,
  type DynamicSection,
  type ElfSymbol,
  readDynamic,
  readDynamicSymbols,
  readProgram,
  readRelr,
  readSymbolVersions,
  type SymbolVersions,
  VERSION_HIDDEN,
  versionIndex,
} from '../../core/elf/index.js';
import { readelfMissing, withFile } from '../support/readelf.js';

/** Programs and libraries that every machine of ours has, C and C++, with and without versions of their own. */
const REAL = [
  '/bin/ls',
  '/usr/bin/gcc',
  '/usr/bin/objdump',
  '/lib/x86_64-linux-gnu/libc.so.6',
  '/lib/x86_64-linux-gnu/libm.so.6',
  '/lib/x86_64-linux-gnu/libselinux.so.1',
  '/lib/x86_64-linux-gnu/libz.so.1',
  '/usr/lib/x86_64-linux-gnu/libstdc++.so.6',
  '/lib64/ld-linux-x86-64.so.2',
  process.execPath,
].filter((file) => existsSync(file));

describe('the dynamic section as readelf and objdump have it', { skip: readelfMissing }, () => {
  for (const file of REAL) {
    const bytes = readFileSync(file);
    test(file, () => assertAgrees(bytes, file));
    // The section headers say the same once more: without them all must be found all the same.
    test(`${file} without section headers`, () => assertAgrees(withoutSections(bytes), file));
  }

  test('DT_RELR', (context) => {
    const file = compiled(context, ['-Wl,-z,pack-relative-relocs', '-fvisibility=hidden']);
    if (file === null) return context.skip('gcc cannot make one here');
    const { dynamic } = read(readFileSync(file));
    const theirs = [...tool('readelf', '-rW', file).matchAll(/^([0-9a-f]{16})$/gm)].map(
      ([, digits]) => BigInt(`0x${digits}`),
    );
    assert.ok(theirs.length > 100);
    assert.deepEqual(readRelr(dynamic), theirs);
  });

  test('DT_HASH alone', (context) => {
    const file = compiled(context, ['-Wl,--hash-style=sysv']);
    if (file === null) return context.skip('gcc cannot make one here');
    assertAgrees(readFileSync(file), file);
  });
});

function assertAgrees(bytes: Uint8Array, file: string): void {
  const { dynamic, symbols, versions } = read(bytes);
  const listed = tool('readelf', '-dW', file);
  const named = (what: string) =>
    [...listed.matchAll(new RegExp(`\\(${what}\\) .*\\[(.*)\\]$`, 'gm'))].map(([, name]) => name);
  assert.deepEqual(dynamic.needed, named('NEEDED'));
  assert.deepEqual([dynamic.soname ?? undefined], [named('SONAME')[0]]);
  assert.deepEqual([dynamic.runpath ?? undefined], [named('RUNPATH')[0]]);
  const tags = [...listed.matchAll(/^ 0x([0-9a-f]{16}) /gm)].map(([, tag]) => Number(`0x${tag}`));
  assert.deepEqual([...dynamic.entries.map(([tag]) => tag), DT.NULL], tags);
  assert.deepEqual(
    symbols.map((symbol) => ourName(symbol, versions)),
    theirNames(file),
  );
  const { defined, needed } = theirVersions(file);
  assert.deepEqual(
    (versions.defined ?? []).map(({ index, name }) => [index, name]),
    defined,
  );
  assert.deepEqual(
    versions.needed.flatMap(({ file: library, versions: all }) =>
      all.map(({ index, name, isWeak }) => [library, index, name, isWeak]),
    ),
    needed,
  );
}

function read(bytes: Uint8Array): {
  readonly dynamic: DynamicSection;
  readonly symbols: readonly ElfSymbol[];
  readonly versions: SymbolVersions;
} {
  const dynamic = readDynamic(readProgram(bytes));
  assert.ok(dynamic !== null);
  const symbols = readDynamicSymbols(dynamic);
  return { dynamic, symbols, versions: readSymbolVersions(dynamic, symbols.length) };
}

/** `name@VERSION` for what is hidden or undefined, `name@@VERSION` for a default. */
function ourName({ index, name }: ElfSymbol, versions: SymbolVersions): string {
  const entry = versions.ofSymbols?.[index] ?? 0;
  const wanted = versionIndex(entry);
  if (wanted < 2) return name;
  const all = versions.needed.flatMap(({ versions: some }) => some);
  // A variable that the program has a copy of is defined there, with the version of the original.
  const original = all.find((version) => version.index === wanted);
  if (original !== undefined) return `${name}@${original.name}`;
  const version = versions.defined?.find((candidate) => candidate.index === wanted)?.name;
  // What has the name of its own version is that version, as a symbol.
  if (name === version) return name;
  return `${name}${(entry & VERSION_HIDDEN) === 0 ? '@@' : '@'}${version}`;
}

function theirNames(file: string): readonly string[] {
  const pattern = /^ *\d+: [0-9a-f]+ +\S+ +\S+ +\S+ +\S+ +(?:\[.*\] +)?\S+ ?(.*)$/gm;
  return [...tool('readelf', '-W', '--dyn-syms', file).matchAll(pattern)].map(([, name = '']) => {
    const plain = name.trimEnd().replace(/ \(\d+\)$/, '');
    const [symbol = '', version] = plain.split(/@+/);
    return symbol === version ? symbol : plain;
  });
}

function theirVersions(file: string) {
  const text = tool('objdump', '-p', file);
  const [, definitions = ''] = text.split('Version definitions:\n');
  const [, references = ''] = text.split('Version References:\n');
  const defined = [
    ...(definitions.split('\n\n')[0] ?? '').matchAll(/^(\d+) 0x[0-9a-f]+ 0x[0-9a-f]+ (\S+)/gm),
  ].map(([, index, name]) => [Number(index), name]);
  let library = '';
  const needed = references.split('\n').flatMap((line) => {
    library = /required from (.*):$/.exec(line)?.[1] ?? library;
    const match = /^ +0x[0-9a-f]+ 0x([0-9a-f]+) (\d+) (\S+)/.exec(line);
    return match === null
      ? []
      : [[library, Number(match[2]), match[3], (Number(`0x${match[1]}`) & 2) !== 0]];
  });
  return { defined, needed };
}

function withoutSections(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.fill(0, 40, 48);
  copy.fill(0, 58, 64);
  return copy;
}

/** A library with some hundred pointers, null where there is no compiler that can make it. */
function compiled(context: { after(f: () => void): void }, options: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-test-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const [source, file] = [join(folder, 'a.c'), join(folder, 'a.so')];
  const pointers = Array.from({ length: 130 }, (_, i) => (i % 5 === 0 ? '0' : '&a')).join(',');
  writeFileSync(
    source,
    `int a; int *p[] = {${pointers}}; extern int b(void); int f(void) { return b(); }`,
  );
  const made = spawnSync('gcc', ['-shared', '-fPIC', ...options, '-o', file, source]);
  return made.status === 0 ? file : null;
}

function tool(command: string, ...args: readonly string[]): string {
  return spawnSync(command, args, {
    encoding: 'latin1',
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 1 << 28,
  }).stdout;
}

test('a file whose dynamic section never ends is refused in words', () => {
  const bytes = Uint8Array.from(readFileSync('/bin/ls'));
  const dynamic = readProgram(bytes).segments.find(({ type }) => type === 2);
  assert.ok(dynamic !== undefined);
  bytes.fill(0x7f, Number(dynamic.offset));
  withFile(bytes, () => {
    assert.throws(() => readDynamic(readProgram(bytes)), /entry NULL/);
  });
});
