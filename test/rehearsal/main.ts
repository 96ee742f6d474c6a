import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { documentSchema } from '../../cli/schemas/documents.js';
import { bootableOf, bootFiles, findMirror } from '../../core/boot/index.js';
import { targetOfImage } from '../../core/check/index.js';
import { openImage } from '../../core/inputs/index.js';
import { inputFile } from '../../core/payload/index.js';
import { openStage, performersOf, rehearse } from '../../core/rehearsal/index.js';
import { cacheFolder } from '../../rig/cache.js';
import { prepareHypervisor, type RigHypervisor } from '../../rig/hypervisor.js';
import { temporaryFolder } from '../support/cli.js';
import { canRun, releasesIn } from '../support/real-xen.js';
import { buildPayloads, type PayloadName } from './payloads.js';
import { type ProgramRun, qemuIn, runs, startProgram } from './run.js';

const USAGE = `Has the program, as it is shipped, try payloads on real Xens.

  npm run test:rehearsal -- [--releases 4.17] [--all] [--only TEXT]

--only takes the parts whose names hold a TEXT. --all has what kills Xen tried too, and ends QEMU in the middle.
`;

/** The program's document, as far as it is looked at. */
interface Document {
  readonly ok: boolean;
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string };
  readonly findings: readonly { readonly code: string; readonly payload?: string }[];
  readonly rehearsal: {
    readonly hypervisor: { readonly buildId: string };
    readonly accelerator: string;
    readonly bootMs: number;
    readonly left: readonly string[];
    readonly payloads: readonly {
      readonly name: PayloadName;
      readonly elapsedMs: number;
      readonly skipped: string | null;
      readonly steps: readonly {
        readonly operation: string;
        readonly difference: string | null;
        readonly expected: { readonly assumptions: readonly string[] };
        readonly seen: { readonly outcome: string; readonly log: readonly string[] };
      }[];
      readonly tests: readonly {
        readonly isChanged: boolean;
        readonly isBack: boolean;
        readonly with: { readonly status: number | null; readonly output: string };
      }[];
    }[];
  };
}

interface Prepared {
  readonly hypervisor: RigHypervisor;
  readonly payloads: string;
}

function started(t: TestContext, words: readonly string[], path?: string): ProgramRun {
  const run = startProgram(words, path);
  t.after(() => {
    run.child.kill('SIGKILL');
    run.remove();
  });
  return run;
}

function wordsFor({ hypervisor, payloads }: Prepared, names: readonly PayloadName[]) {
  const files = names.map((name) => join(payloads, `${name}.livepatch`));
  return ['rehearse', ...files, '--xen', hypervisor.image, '--image', hypervisor.symbols];
}

/** Nothing of it is left: neither a process nor a file. */
async function nothingIsLeft(run: ProgramRun, qemu: number): Promise<void> {
  for (let tries = 0; runs(qemu) || run.left().length > 0; tries++) {
    assert.ok(tries < 500, `left: QEMU ${runs(qemu)}, ${run.left().join(' ')}`);
    await pause(20);
  }
}

async function testChain(t: TestContext, prepared: Prepared): Promise<void> {
  const folder = temporaryFolder(t);
  const [probe, hang] = [join(folder, 'probe.sh'), join(folder, 'hang.sh')];
  writeFileSync(
    probe,
    "#!/bin/sh\ncat /sys/hypervisor/version/extra\nprintf '\\033[2J\\033]0;owned\\007\\n'\n",
  );
  writeFileSync(hang, '! grep -q hook-load /sys/hypervisor/version/extra || sleep 1000\n');
  const [junit, human] = [join(folder, 'junit.xml'), join(folder, 'human.txt')];
  const names = ['vetoed', 'idle', 'wrong-depends', 'hooked', 'too-small', 'first'] as const;
  const run = started(t, [
    ...wordsFor(prepared, names),
    ...['--test', probe, '--test', hang, '--test-timeout', '5', '--json', '--verbose'],
    ...['--output', `junit=${junit}`, '--output', `human=${human}`],
  ]);
  const { code, stdout, stderr } = await run.ended;
  assert.equal(code, 3, stderr);
  const document: Document = JSON.parse(stdout);
  const isValid = new Ajv2020().compile(documentSchema('rehearse') ?? false);
  assert.ok(isValid(document), JSON.stringify(isValid.errors));
  const { rehearsal, findings } = document;
  const each = rehearsal.payloads.map(
    ({ name, elapsedMs }) => `${name} ${Math.round(elapsedMs)} ms`,
  );
  t.diagnostic(
    `${rehearsal.accelerator}, up after ${(rehearsal.bootMs / 1000).toFixed(1)} s; ${each.join(', ')}`,
  );
  const taken = ['upload accepted', 'apply accepted', 'revert accepted', 'unload accepted'];
  const outcomes = rehearsal.payloads.map(({ name, steps }) => [
    name,
    steps.map(({ operation, seen }) => `${operation} ${seen.outcome}`),
  ]);
  const refused = ['upload accepted', 'apply refused', 'unload accepted'];
  assert.deepEqual(Object.fromEntries(outcomes), {
    ...{ first: taken, idle: taken, hooked: taken, vetoed: refused },
    ...{ 'wrong-depends': refused, 'too-small': ['upload refused'] },
  });
  // Where the verdict rests on no hook, all is as said, to the letter.
  const differing = rehearsal.payloads.flatMap(({ name, steps }) =>
    steps.flatMap(({ operation, difference }) =>
      difference === null ? [] : [`${name} ${operation}: ${difference}`],
    ),
  );
  assert.equal(differing.length, 1, differing.join('\n'));
  assert.match(differing[0] ?? '', /^vetoed apply: .*EINVAL/);
  assert.deepEqual(rehearsal.left, []);

  const codes = findings.filter(({ payload }) => payload !== undefined);
  assert.deepEqual(codes.map(({ code: found, payload }) => `${payload} ${found}`).sort(), [
    'hooked test-fails',
    'idle test-without-effect',
    'vetoed assumption-failed',
    'vetoed hooks-prevent-replace',
  ]);
  const hooked = rehearsal.payloads.find(({ name }) => name === 'hooked');
  assert.deepEqual(
    hooked?.tests.map(({ with: { status }, isChanged, isBack }) => [status, isChanged, isBack]),
    [
      [0, true, true],
      [null, true, true],
    ],
  );
  assert.match(hooked?.tests[0]?.with.output ?? '', /^-hook-load/);

  // What dom0 prints reaches no terminal as it is.
  const shown = readFileSync(human, 'utf8');
  assert.ok(!/[^\P{Cc}\n]/u.test(shown + stdout), 'no controls');
  assert.match(shown, /hooked: upload accepted/);
  const cases = readFileSync(junit, 'utf8');
  assert.match(cases, /<testcase [^>]*name="[^"]*first\.livepatch"[^>]* time="\d+\.\d{3}"/);
  assert.match(cases, /type="assumption-failed"/);
  assert.deepEqual(run.left(), []);
}

async function testDeadly(t: TestContext, prepared: Prepared): Promise<void> {
  const run = started(t, [...wordsFor(prepared, ['deadly']), '--fatal', '--json']);
  const { code, stdout, stderr } = await run.ended;
  assert.equal(code, 3, stderr);
  const { rehearsal }: Document = JSON.parse(stdout);
  const [deadly] = rehearsal.payloads;
  assert.deepEqual(
    deadly?.steps.map(({ operation, seen, difference }) => [operation, seen.outcome, difference]),
    [['upload', 'fatal', null]],
  );
}

/** A Xen that panics since what it is given is no kernel that could be a dom0. */
async function testPanic(t: TestContext, prepared: Prepared): Promise<void> {
  const folder = temporaryFolder(t);
  const kernel = join(folder, 'boot', 'vmlinuz-none');
  const modules = join(folder, 'lib', 'modules', '1.2.3-none');
  for (const path of [join(folder, 'boot'), modules]) mkdirSync(path, { recursive: true });
  const bytes = Buffer.alloc(4096);
  bytes.write('HdrS', 0x202, 'latin1');
  bytes.writeUInt16LE(0x400, 0x20e);
  bytes.write('1.2.3-none (nobody)', 0x600, 'latin1');
  writeFileSync(kernel, bytes);
  const builtIn = ['xen-privcmd', 'xenfs', 'virtio_pci', 'virtio_console'];
  writeFileSync(join(modules, 'modules.builtin'), builtIn.map((n) => `kernel/${n}.ko\n`).join(''));
  const words = [...wordsFor(prepared, ['first']), '--kernel', kernel, '--accel', 'tcg', '--json'];
  const run = started(t, words);
  const { code, stdout, stderr } = await run.ended;
  assert.equal(code, 1, stderr);
  const { error }: Document = JSON.parse(stdout);
  assert.equal(error?.code, 'rehearsal-not-booted');
  assert.match(error?.message ?? '', /Panic on CPU/);
  assert.match(error?.hint ?? '', /construct d(om)?0|dom0|domain 0/i);
  assert.deepEqual(run.left(), []);
}

async function testEnds(t: TestContext, prepared: Prepared): Promise<void> {
  const words = [...wordsFor(prepared, ['first']), '--accel', 'tcg', '--json'];
  await t.test('QEMU is killed while Xen boots', async (context) => {
    const run = started(context, words);
    process.kill(await run.qemu(), 'SIGKILL');
    const { code, stdout } = await run.ended;
    assert.equal(code, 1);
    const { error }: Document = JSON.parse(stdout);
    assert.ok(['rehearsal-not-booted', 'rehearsal-unavailable'].includes(error?.code ?? ''));
    assert.match(error?.message ?? '', /qemu-system-x86_64 ended with 137/);
    assert.deepEqual(run.left(), []);
  });
  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGKILL', null],
  ] as const) {
    await t.test(`the program is told to end by ${signal}`, async (context) => {
      const run = started(context, words);
      const qemu = await run.qemu();
      await pause(1000);
      run.child.kill(signal);
      const { code } = await run.ended;
      assert.equal(code, expected);
      await nothingIsLeft(run, qemu);
    });
  }
  await t.test('there is no QEMU', async (context) => {
    const { code, stdout } = await started(context, words, '/nowhere').ended;
    assert.equal(code, 1);
    const { error }: Document = JSON.parse(stdout);
    assert.equal(error?.code, 'rehearsal-unavailable');
  });
}

/** In this process, so that it is known when Xen is up. */
async function testLost(t: TestContext, { hypervisor, payloads }: Prepared): Promise<void> {
  const { TMPDIR } = process.env;
  process.env['TMPDIR'] = temporaryFolder(t);
  t.after(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  });
  const archive = { cache: cacheFolder(), mirror: findMirror(process.env) };
  const stage = await openStage({
    ...{ accelerator: 'tcg', dom0: await bootFiles(archive, null), tests: [] },
    hypervisor: bootableOf(hypervisor.image, readFileSync(hypervisor.image)),
    bootLimitMs: 300_000,
  });
  t.after(() => stage.close());
  const image = openImage(hypervisor.symbols);
  const { model } = targetOfImage(image);
  assert.ok(model !== null);
  const file = join(payloads, 'first.livepatch');
  const plan = { performers: performersOf([inputFile(file, readFileSync(file))], []), model };
  const qemu = qemuIn(process.env['TMPDIR']);
  assert.ok(qemu !== null);
  process.kill(qemu, 'SIGKILL');
  const more = { action: 'apply', areLinesCompared: true, tests: [], testLimitMs: 1 } as const;
  await assert.rejects(rehearse({ ...plan, ...more }, stage), {
    code: 'rehearsal-lost',
    message: /qemu-system-x86_64 ended with 137/,
  });
}

/** What is tried; the long ones with --all only. */
const PARTS: readonly (readonly [
  name: string,
  test: (t: TestContext, prepared: Prepared) => Promise<void>,
  isLong?: true,
])[] = [
  ['a chain, with tests, and what is wrong', testChain],
  ['a Xen that panics', testPanic],
  ['ends before their time', testEnds],
  ['what kills Xen', testDeadly, true],
  ['QEMU is killed in the middle', testLost, true],
];

function main(): void {
  const { values } = parseArgs({
    options: {
      releases: { type: 'string', default: '4.17' },
      all: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  const releases = releasesIn(values.releases);
  if (values.help || releases === null) {
    process.stderr.write(USAGE);
    process.exitCode = values.help ? 0 : 64;
    return;
  }
  if (!canRun()) return;
  const parts = PARTS.filter(
    ([name, , isLong]) => name.includes(values.only) && (values.all || isLong !== true),
  );
  describe('a rehearsal on a real Xen', () => {
    for (const release of releases) {
      it(`Xen ${release.xen}`, async (t) => {
        const hypervisor = await prepareHypervisor(release);
        const payloads = await buildPayloads(hypervisor.symbols);
        t.after(() => rmSync(payloads, { recursive: true, force: true }));
        const prepared: Prepared = { hypervisor, payloads };
        for (const [name, test] of parts) await t.test(name, (c) => test(c, prepared));
      });
    }
  });
}

main();
