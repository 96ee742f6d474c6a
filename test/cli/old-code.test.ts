import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import * as elf from '../../core/elf/index.js';
import { openHost, parseHostSpec } from '../../core/host/index.js';
import { readImage, readMemory } from '../../core/image/index.js';
import { readRecord } from '../../core/oldcode/index.js';
import { readPayload } from '../../core/payload/index.js';
import {
  type CliResult,
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  runCli,
  succeed,
  temporaryFolder,
} from '../support/cli.js';
import { editStateFile } from '../support/formats.js';

const IMAGE = ['--image', DEMO_IMAGE] as const;
const OLD_CODE = ['--check', 'old-code', '--yes'] as const;

async function refused(...words: readonly string[]) {
  const result = await runCli(words);
  assert.equal(result.code, 1, result.stderr + result.stdout);
  return result;
}

/** A demo payload with a record in it, under its own name in a folder of the test's. */
async function recorded(
  context: TestContext,
  name: string,
  ...more: readonly string[]
): Promise<string> {
  const file = join(temporaryFolder(context), `${name}.livepatch`);
  await succeed('record', demo(name), ...IMAGE, '--output', file, ...more);
  return file;
}

interface Listed {
  readonly name: string;
  readonly state: string;
  readonly position: number | null;
}

async function stack(host: readonly string[]): Promise<readonly string[]> {
  const { payloads } = documentOf(await succeed('list', ...host, '--json')) as {
    payloads: readonly Listed[];
  };
  return payloads
    .filter(({ state }) => state === 'APPLIED')
    .sort((a, b) => (a.position ?? 0) - (b.position ?? 0))
    .map(({ name }) => name);
}

interface PlannedStep {
  readonly action: string;
  readonly name: string;
  readonly nodeps?: boolean;
  readonly guard?: string;
}

function stepsOf(result: CliResult): readonly PlannedStep[] {
  return (documentOf(result)['plan'] as { readonly steps: readonly PlannedStep[] }).steps;
}

for (const order of [
  ['independent-a', 'independent-b'],
  ['independent-b', 'independent-a'],
]) {
  test(`${order.join(', then ')}: refused by build-id, applied by old code`, async (t) => {
    const host = await embeddedHost(t);
    const [first = '', second = ''] = order;
    await succeed('apply', demo(first), ...host, ...OLD_CODE);
    assert.match((await refused('apply', demo(second), ...host, '--yes')).stderr, /builds on/);
    await refused('apply', demo(second), ...host, '--yes', '--check', 'both');
    assert.deepEqual(await stack(host), [first]);
    const applied = await succeed('apply', demo(second), ...host, ...OLD_CODE, '--json');
    assert.deepEqual(
      stepsOf(applied).map(({ action, nodeps, guard }) => [action, nodeps, guard]),
      [
        ['upload', undefined, undefined],
        ['apply', true, 'old-code'],
      ],
    );
    assert.deepEqual(await stack(host), order);
  });
}

test('NODEPS is used for the one step that needs it, and the plan says which guard let each pass', async (t) => {
  const host = await embeddedHost(t);
  const files = ['independent-a', 'bye', 'hello'].map(demo);
  const plan = await runCli(['plan', ...files, ...host, '--check', 'old-code', '--json']);
  const applies = stepsOf(plan).filter(({ action }) => action === 'apply');
  assert.deepEqual(
    applies.map(({ name, nodeps, guard }) => [name, nodeps, guard]),
    [
      ['independent-a', false, 'old-code'],
      ['hello', true, 'old-code'],
      ['bye', false, 'old-code'],
    ],
  );
  const shown = await succeed('plan', ...files, ...host, '--check', 'old-code');
  assert.match(shown.stdout, /apply \(NODEPS\) +hello +has no record.*\[old-code\]/);
  assert.deepEqual(await stack(host), []);
});

test('a payload whose callee has changed is refused, with the path and both digests', async (t) => {
  const host = await embeddedHost(t);
  const caller = await recorded(t, 'caller-fix');
  await succeed('apply', demo('callee-fix'), ...host, '--yes');
  const message =
    /demo_total differs through demo_total → demo_rate: expected digest [0-9a-f]{32} of demo_rate, found [0-9a-f]{32} in payload "callee-fix"/;
  const brief = await refused('apply', caller, ...host, ...OLD_CODE);
  assert.match(brief.stderr, message);
  assert.doesNotMatch(brief.stdout, /lea/);
  const verbose = await refused('apply', caller, ...host, ...OLD_CODE, '--verbose');
  assert.match(
    verbose.stdout,
    /expected +now, in callee-fix\n +≠ +lea 1\(%rdi\), %eax +lea 2\(%rdi\), %eax\n/,
  );
  assert.deepEqual(await stack(host), ['callee-fix']);

  const document = documentOf(await refused('apply', caller, ...host, ...OLD_CODE, '--json'));
  assert.equal(document['ok'], false);
  assert.equal(document['executed'], false);
  const { check, payloads } = document['guard'] as {
    readonly check: string;
    readonly payloads: readonly Record<string, unknown>[];
  };
  assert.equal(check, 'old-code');
  const [only] = payloads;
  assert.equal(only?.['passes'], false);
  assert.deepEqual(only['by'], []);
  const [compared] = only['functions'] as readonly Record<string, Record<string, unknown>>[];
  assert.equal(compared?.['comparison']?.['result'], 'differs');
  assert.deepEqual(compared['comparison']['path'], ['demo_total', 'demo_rate']);
  assert.equal((only['differences'] as readonly unknown[]).length, 1);

  await succeed('revert', ...host, '--yes');
  const passes = await succeed('apply', caller, ...host, ...OLD_CODE);
  assert.match(passes.stdout, /its old code is as recorded \(\d+ functions\) \[old-code\]/);
});

test('a function that is unchanged byte by byte, while its callee is not: ids refuse, and code with the path', async (t) => {
  const host = await embeddedHost(t);
  const caller = await recorded(t, 'caller-fix', '--expect');
  await succeed('apply', demo('callee-fix'), ...host, '--yes');

  // The bytes of the function itself: as linked, as they are now, and as the payload expects them.
  const [answer] = await which('demo_total', ...host);
  assert.ok(answer);
  const [code, ...later] = answer['history'] as readonly (Version & { sizeBytes: number })[];
  assert.ok(code !== undefined && later.length === 0);
  const address = BigInt(code.address);
  const opened = await openHost(parseHostSpec(host[1]));
  t.after(() => opened.port.close());
  const { model } = await opened.preflightModel(await opened.port.observe(), []);
  const image = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE);
  const linked = readMemory(image.memory, address, code.sizeBytes);
  const now = model?.memory.read(address, code.sizeBytes);
  assert.ok(linked !== null && now !== undefined && Buffer.compare(linked, now) === 0);
  const { expectation } = readPayload(readFileSync(caller), caller).functions[0] ?? {};
  assert.ok(expectation?.enabled);
  assert.equal(expectation.len, code.sizeBytes, 'the whole function');
  assert.equal(Buffer.compare(expectation.data.subarray(0, expectation.len), now), 0);
  // Xen compares just these, and finds nothing.
  await succeed('apply', caller, ...host, '--nodeps', '--dry-run');

  const { buildId: onTop } = readPayload(readFileSync(demo('callee-fix')), 'callee-fix');
  const { depends } = readPayload(readFileSync(caller), caller);
  assert.ok(onTop.status === 'present' && depends.status === 'present');
  const byId = (await refused('apply', caller, ...host, '--check', 'build-id', '--yes')).stderr;
  for (const id of [onTop.id, depends.id]) assert.ok(byId.includes(id), byId);
  const byCode = (await refused('apply', caller, ...host, ...OLD_CODE)).stderr;
  assert.match(byCode, /demo_total differs through demo_total → demo_rate/);
  assert.deepEqual(await stack(host), ['callee-fix']);
});

test('what Xen would refuse is refused whatever the guard says', async (t) => {
  const host = await embeddedHost(t);
  for (const name of ['expect-wrong', 'unknown-import', 'wrong-version', 'wrong-xen-depends']) {
    const { stderr } = await refused('apply', demo(name), ...host, ...OLD_CODE);
    assert.match(stderr, /^xsplice-ts: .+/, name);
  }
  assert.deepEqual(documentOf(await succeed('list', ...host, '--json'))['payloads'], []);
});

test('check compares code, in either order, and exits with 3 where it differs', async (t) => {
  const caller = await recorded(t, 'caller-fix');
  const files = [demo('independent-b'), demo('independent-a')];
  const free = documentOf(
    await succeed('check', ...files, ...IMAGE, '--check', 'old-code', '--json'),
  );
  assert.equal(free['ok'], true);
  const chain = free['chain'] as readonly { readonly name: string }[];
  assert.deepEqual(
    chain.map(({ name }) => name),
    ['independent-b', 'independent-a'],
  );
  const verdicts = free['verdicts'] as readonly Record<string, Record<string, unknown>>[];
  for (const { inChain } of verdicts) assert.equal(inChain?.['operation'], 'apply');
  const bad = await runCli(['check', demo('callee-fix'), caller, ...IMAGE, '--check', 'old-code']);
  assert.equal(bad.code, 3);
  assert.match(bad.stdout, /demo_total → demo_rate.*\[old-code-differs\]/);
  const both = await runCli(['check', ...files, ...IMAGE, '--check', 'both']);
  assert.equal(both.code, 3, 'no chain');
  const id = ['--build-id', '00'.repeat(20)];
  assert.equal((await runCli(['check', caller, ...id, '--check', 'old-code'])).code, 64);
});

test('a record changes nothing that Xen loads, and keeps the permissions of the file', async (t) => {
  const file = join(temporaryFolder(t), 'hello.livepatch');
  copyFileSync(demo('hello'), file);
  chmodSync(file, 0o640);
  assert.equal((await runCli(['record', file, ...IMAGE])).code, 64, 'where to write is not said');
  assert.deepEqual(readFileSync(file), readFileSync(demo('hello')));
  const document = documentOf(await succeed('record', file, ...IMAGE, '--yes', '--json'));
  assert.equal(document['ok'], true);
  assert.equal(document['output'], file);
  const [entry] = document['functions'] as readonly Record<string, unknown>[];
  assert.equal(entry?.['name'], 'xen_extra_version');
  assert.equal(entry['expectedBytes'], null);
  assert.equal(statSync(file).mode & 0o777, 0o640);
  const [before, after] = [demo('hello'), file].map((path) =>
    readPayload(readFileSync(path), path),
  );
  assert.ok(before && after);
  assert.equal(readRecord(before).status, 'absent');
  assert.equal(readRecord(after).status, 'present');
  assert.deepEqual(after.buildId, before.buildId);
  const allocated = ({ elf: file_ }: typeof before) =>
    file_.sections
      .filter(({ flags, type }) => (flags & elf.SHF.ALLOC) !== 0n && type !== elf.SHT.NOBITS)
      .map((section) => [
        section.name,
        Buffer.from(elf.sectionBytes(file_, section)).toString('hex'),
      ]);
  assert.ok(allocated(before).length > 0);
  assert.deepEqual(allocated(after), allocated(before));
  const host = await embeddedHost(t);
  await succeed('apply', file, ...host, '--yes');
});

test('--expect has Xen compare by itself', async (t) => {
  const host = await embeddedHost(t);
  const hello = await recorded(t, 'hello', '--expect');
  await succeed('apply', hello, ...host, '--yes');
  await succeed('revert', ...host, '--yes');
  // What replaces the same function leaves its trampoline where Xen compares.
  await succeed('apply', demo('chain-01'), ...host, '--yes');
  const { stderr } = await refused('apply', hello, ...host, '--nodeps', '--yes');
  assert.match(stderr, /EINVAL .*expectations/);
  assert.deepEqual(await stack(host), ['chain-01']);
});

interface Damage {
  readonly name: string;
  readonly code: string;
  /** Changes the file's text (latin1), given where the record begins. */
  readonly change: (bytes: Buffer, at: number) => Buffer;
}

const DAMAGES: readonly Damage[] = [
  {
    name: 'forged: a digest changed',
    code: 'record-damaged',
    change: (bytes) => {
      const at = bytes.indexOf('"digest":"', 0, 'latin1') + '"digest":"'.length;
      assert.ok(at > 10);
      bytes[at] = bytes[at] === 0x30 ? 0x31 : 0x30;
      return bytes;
    },
  },
  {
    name: 'of a foreign version',
    code: 'record-version',
    change: (bytes, at) => {
      bytes.write('9', at + 'xsplice-record '.length, 'latin1');
      return bytes;
    },
  },
  {
    name: 'truncated',
    code: 'record-damaged',
    change: (bytes, at) => {
      bytes.fill(0, at + 120, at + 400);
      return bytes;
    },
  },
];

for (const { name, code, change } of DAMAGES) {
  test(`a record is refused that is ${name}`, async (t) => {
    const host = await embeddedHost(t);
    const file = await recorded(t, 'caller-fix');
    const bytes = readFileSync(file);
    const at = bytes.indexOf('xsplice-record ', 0, 'latin1');
    assert.ok(at > 0);
    writeFileSync(file, change(bytes, at));
    const document = documentOf(await refused('apply', file, ...host, ...OLD_CODE, '--json'));
    assert.equal((document['error'] as { readonly code: string }).code, code);
    assert.deepEqual(await stack(host), []);
    const checked = await runCli(['check', file, ...IMAGE, '--check', 'old-code']);
    assert.equal(checked.code, 3);
    assert.match(checked.stdout, new RegExp(`\\[${code}\\]`));
  });
}

test('a record is refused that was made for other bytes', async (t) => {
  const host = await embeddedHost(t);
  const file = await recorded(t, 'caller-fix');
  const bytes = readFileSync(file);
  const payload = readPayload(bytes, file);
  const text = payload.elf.sections.find(({ name, size }) => /^\.text/.test(name) && size > 4n);
  assert.ok(text);
  // A NOP of another length: still code, and not the code that was recorded.
  bytes[Number(text.offset)] = 0x90;
  writeFileSync(file, bytes);
  const document = documentOf(await refused('apply', file, ...host, ...OLD_CODE, '--json'));
  assert.equal((document['error'] as { readonly code: string }).code, 'record-foreign');
});

test('record says what it cannot do', async (t) => {
  const folder = temporaryFolder(t);
  const out = ['--output', join(folder, 'out.livepatch')];
  await refused('record', join(folder, 'none'), ...IMAGE, ...out);
  await refused('record', demo('hello'), '--image', demo('hello'), ...out);
  await refused('record', demo('unknown-import'), ...IMAGE, ...out);
  await refused('record', demo('hello'), ...IMAGE, '--output', join(folder, 'none', 'out'));
  await refused('record', demo('hello'), ...IMAGE, '--on', demo('unknown-import'), ...out);
  assert.equal((await runCli(['record', demo('hello'), demo('bye'), ...IMAGE, ...out])).code, 64);
  assert.equal((await runCli(['record', demo('hello'), ...out])).code, 64);
});

test('a record made on another payload passes there, and on the bare hypervisor not', async (t) => {
  const host = await embeddedHost(t);
  const caller = await recorded(t, 'caller-fix', '--on', demo('callee-fix'));
  const early = await refused('apply', caller, ...host, ...OLD_CODE);
  assert.match(early.stderr, /demo_total → demo_rate/);
  await succeed('apply', demo('callee-fix'), ...host, '--yes');
  await succeed('apply', caller, ...host, ...OLD_CODE);
  assert.deepEqual(await stack(host), ['callee-fix', 'caller-fix']);
});

interface Version {
  readonly owner: string | null;
  readonly kind: string;
  readonly address: string;
}

async function which(...words: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  return documentOf(await succeed('which', ...words, '--json'))['answers'] as readonly Record<
    string,
    unknown
  >[];
}

test('which says whose code runs, on an image and on a host, before and after apply', async (t) => {
  const host = await embeddedHost(t);
  const owners = (answer: Record<string, unknown> | undefined) => {
    assert.ok(answer);
    return (answer['history'] as readonly Version[]).map(({ owner, kind }) => [owner, kind]);
  };
  const [bare] = await which('demo_rate', ...host);
  assert.deepEqual(owners(bare), [[null, 'original']]);
  assert.equal(bare?.['isRunning'], true);
  await succeed('apply', demo('callee-fix'), ...host, '--yes');
  const replaced = [
    [null, 'original'],
    ['callee-fix', 'replacement'],
  ];
  const [now] = await which('demo_rate', ...host);
  const [onImage] = await which('demo_rate', ...IMAGE, '--on', demo('callee-fix'));
  for (const answer of [now, onImage]) {
    assert.deepEqual(owners(answer), replaced);
    assert.equal(answer?.['isRunning'], false);
  }
  assert.ok(now);
  const address = (now['history'] as readonly Version[])[1]?.address ?? '';
  const [byAddress, bySixteen] = await which(address, address.slice(2), ...host);
  for (const answer of [byAddress, bySixteen]) {
    assert.equal(answer?.['symbol'], 'demo_rate');
    assert.equal(answer['owner'], 'callee-fix');
    assert.equal(answer['offset'], '0x0');
    assert.equal(answer['isRunning'], true);
  }
  // Of the function itself it would be wrong to say that no call reaches it.
  const dead = /no call reaches this code any more/;
  const [original] = now['history'] as readonly Version[];
  assert.match((await succeed('which', original?.address ?? '', ...host)).stdout, dead);
  const shown = await succeed('which', 'demo_rate', ...host);
  assert.doesNotMatch(shown.stdout, dead);
  assert.match(shown.stdout, /as the hypervisor has it +replaced\n.*new code of callee-fix +runs/);
});

test('which refuses what it does not know', async (t) => {
  const host = await embeddedHost(t);
  assert.match((await refused('which', 'no_such', ...host)).stderr, /No symbol no_such/);
  assert.match((await refused('which', '0x1000', ...IMAGE)).stderr, /0x1000 is neither/);
  assert.equal((await runCli(['which', ...host])).code, 64);
});

test('a payload is taken out from under independent ones, and not from under others', async (t) => {
  const host = await embeddedHost(t);
  await succeed(
    'apply',
    ...['independent-a', 'hello', 'bye', 'independent-b'].map(demo),
    ...host,
    ...OLD_CODE,
  );
  assert.deepEqual(await stack(host), ['independent-a', 'hello', 'bye', 'independent-b']);
  assert.equal((await runCli(['revert', 'independent-a', ...host, '--yes'])).code, 64);
  const shown = (await succeed('plan', 'revert', 'independent-a', ...host, '--check', 'old-code'))
    .stdout;
  const rows = [...shown.matchAll(/^ +\d+ {2}(revert|apply(?: \(NODEPS\))?) +(\w\S*)/gm)];
  assert.deepEqual(
    rows.map(([, action, name]) => `${action} ${name}`),
    [
      ...['independent-b', 'bye', 'hello', 'independent-a'].map((name) => `revert ${name}`),
      ...['apply hello', 'apply bye', 'apply (NODEPS) independent-b'],
    ],
    'in the order in which it is done',
  );
  const { stderr } = await refused('revert', 'hello', ...host, ...OLD_CODE);
  assert.match(stderr, /bye is above hello and cannot be applied again without it: both replace/);
  const done = await succeed('revert', 'independent-a', ...host, ...OLD_CODE, '--json');
  assert.deepEqual(
    stepsOf(done).map(({ action, name, nodeps }) => [action, name, nodeps]),
    [
      ['revert', 'independent-b', undefined],
      ['revert', 'bye', undefined],
      ['revert', 'hello', undefined],
      ['revert', 'independent-a', undefined],
      ['apply', 'hello', false],
      ['apply', 'bye', false],
      ['apply', 'independent-b', true],
    ],
  );
  assert.deepEqual(await stack(host), ['hello', 'bye', 'independent-b']);
});

test('a payload with data of its own is not taken off to be put back', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('independent-a'), demo('data'), ...host, ...OLD_CODE);
  const { stderr } = await refused('revert', 'independent-a', ...host, ...OLD_CODE);
  assert.match(stderr, /data is above independent-a .* it has data of its own/);
  assert.deepEqual(await stack(host), ['independent-a', 'data']);
});

test('replace compares with the code that is there once all others are reverted', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('callee-fix'), ...host, '--yes');
  const against = await recorded(t, 'caller-fix');
  const changed = await recorded(t, 'caller-fix', '--on', demo('callee-fix'));
  assert.match(
    (await refused('replace', changed, ...host, ...OLD_CODE)).stderr,
    /demo_total → demo_rate/,
  );
  const done = await succeed('replace', against, ...host, '--check', 'both', '--yes', '--json');
  assert.equal(stepsOf(done).at(-1)?.guard, 'both');
  assert.deepEqual(await stack(host), ['caller-fix']);
});

test('an uploaded payload is compared by its file', async (t) => {
  const host = await embeddedHost(t);
  await succeed('upload', demo('hello'), ...host, '--yes', '--no-store');
  assert.match(
    (await refused('apply', 'hello', ...host, ...OLD_CODE)).stderr,
    /told by its file only/,
  );
  const done = await succeed('apply', demo('hello'), ...host, ...OLD_CODE, '--json');
  assert.deepEqual(
    stepsOf(done).map(({ action }) => action),
    ['apply'],
  );
  assert.match(
    (await succeed('apply', demo('hello'), ...host, ...OLD_CODE)).stdout,
    /nothing to do/,
  );
});

test('an embedded hypervisor without its image takes it from --image', async (t) => {
  const host = await embeddedHost(t);
  const folder = host[1].slice('embedded:'.length);
  editStateFile(folder, (state) => {
    assert.ok(state['image']);
    return { ...state, image: null };
  });
  const words = ['plan', demo('hello'), ...host, '--check', 'old-code'];
  assert.match(
    (await refused(...words)).stderr,
    /created without its image \(host embedded:.*\)\nName the image/,
  );
  await succeed(...words, ...IMAGE);
});
