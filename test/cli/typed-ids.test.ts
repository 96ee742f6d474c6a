import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { onDisk } from '../../core/abi/raw-path.js';
import { inputFile, readInputs } from '../../core/payload/index.js';
import {
  CHAIN,
  cliEnvironment,
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  runCli,
  temporaryFolder,
} from '../support/cli.js';
import { buildIdNote, hexBytes } from '../support/elf-builder.js';
import { buildPayload } from '../support/payload-builder.js';

const [hello] = readInputs([inputFile('hello', readFileSync(demo('hello')))]).payloads;
const own = hello?.planned.buildId ?? '';
const xen = hello?.planned.xenDepends ?? '';
const pairs = (id: string) => id.replace(/..(?=.)/g, '$&:');
const waysOf = (id: string) => [
  id.slice(0, 8),
  id.toUpperCase(),
  `0x${id.slice(0, 11)}`,
  pairs(id),
];

test('check takes the build-id of the hypervisor as people type it', async () => {
  for (const typed of waysOf(xen)) {
    const found = documentOf(await runCli(['check', '--build-id', typed, ...CHAIN, '--json']));
    assert.deepEqual([found['ok'], found['hypervisor']], [true, { buildId: xen, release: null }]);
    const alone = await runCli([
      'check',
      '--build-id',
      typed,
      demo('hello'),
      '--mode',
      'alternatives',
    ]);
    assert.equal(alone.code, 0, alone.stdout);
  }
  const other = await runCli(['check', '--build-id', 'aabbccdd', demo('hello')]);
  assert.equal(other.code, 3);
  assert.match(other.stdout, /not for aabbccdd/);
});

test('a configuration takes it so too', async (t) => {
  const folder = temporaryFolder(t);
  copyFileSync(demo('hello'), join(folder, 'hello.livepatch'));
  for (const buildId of waysOf(xen)) {
    const targets = [{ name: 'demo', buildId, payloads: '.' }];
    const config = join(folder, 'xsplice.config.json');
    writeFileSync(config, JSON.stringify({ targets }));
    const found = await runCli(['check', '--config', config, '--json']);
    assert.equal(found.code, 0, found.stdout);
  }
});

test('revert takes the name or the id of the top, and of nothing else', async (t) => {
  const [, host] = await embeddedHost(t);
  const at = ['--host', host, '--yes'];
  for (const typed of ['hello', ...waysOf(own)]) {
    assert.equal((await runCli(['apply', demo('hello'), ...at])).code, 0);
    const reverted = await runCli(['revert', typed, ...at]);
    assert.equal(reverted.code, 0, reverted.stderr);
    assert.match(reverted.stdout, /Applied now: nothing/);
    assert.equal((await runCli(['unload', typed, ...at])).code, 0);
  }
  assert.equal((await runCli(['apply', demo('hello'), demo('bye'), ...at])).code, 0);
  const below = await runCli(['revert', 'hello', ...at]);
  assert.equal(below.code, 64);
  assert.match(below.stderr, /revert takes no "hello": it reverts the top, and that is bye/);
  assert.match(below.stderr, /--to NAME, --to BUILD-ID or --to base/);
  assert.equal((await runCli(['revert', '--to', `0x${xen.slice(0, 8)}`, ...at])).code, 0);
});

test('names that are no UTF-8 work from the command line to the hypervisor', async (t) => {
  const [, host] = await embeddedHost(t);
  const folder = `${temporaryFolder(t)}/f\udcff`;
  mkdirSync(onDisk(folder));
  copyFileSync(demo('hello'), onDisk(`${folder}/h\udcfe.livepatch`));
  const program = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
  // Node takes no such words itself.
  const run = (words: string) =>
    execFileSync(
      'bash',
      ['-c', `cd "$2"; exec "$0" "$1" ${words}`, process.execPath, program, join(folder, '..')],
      { encoding: 'utf8', env: cliEnvironment({ XSPLICE_HOST: host }) },
    );
  assert.match(run(`check --image ${DEMO_IMAGE} $'f\\xff'`), /f\\xff\/h\\xfe\.livepatch +accepted/);
  assert.match(
    run(`check --image ${DEMO_IMAGE} $'f\\xff/h\\xfe.livepatch' --json`),
    /"f\\udcff\/h\\udcfe\.livepatch"/,
  );
  assert.match(
    run(`check --image ${DEMO_IMAGE} $'f\\xff' --format sarif`),
    /f%FF\/h%FE\.livepatch|"results": \[\]/,
  );
  assert.match(run(`inspect $'f\\xff/h\\xfe.livepatch'`), /^f\\xff\/h\\xfe\.livepatch/);
  assert.match(
    run(`record $'f\\xff/h\\xfe.livepatch' --image ${DEMO_IMAGE} -o $'f\\xff/r\\xfd'`),
    /in f\\xff\/r\\xfd/,
  );
  run(`report --image ${DEMO_IMAGE} $'f\\xff' -o $'f\\xff/p\\xfc'`);
  assert.match(readFileSync(onDisk(`${folder}/p\udcfc`), 'utf8'), /h\\xfe/);
  assert.match(run(`apply --yes $'f\\xff'`), /Applied now: h\\xfe/);
  assert.match(run(`revert --yes $'h\\xfe'`), /Applied now: nothing/);
  assert.match(run(`unload --yes $'h\\xfe'`), /Done/);
});

test('a file with the build-id of what is loaded, and other contents, is told', async (t) => {
  const [, host] = await embeddedHost(t);
  const at = ['--host', host, '--yes'];
  assert.equal((await runCli(['apply', demo('hello'), ...at])).code, 0);
  const same = await runCli(['apply', demo('hello'), ...at]);
  assert.doesNotMatch(same.stdout, /other contents/);
  const [note, parent] = [own, xen].map((id) => buildIdNote(hexBytes(id)));
  const other = join(temporaryFolder(t), 'other.livepatch');
  writeFileSync(
    other,
    buildPayload({
      ...(note === undefined ? {} : { buildId: note }),
      ...(parent === undefined ? {} : { depends: parent, xenDepends: parent }),
      functions: [{ name: 'xen_changeset' }],
    }),
  );
  for (const verb of ['apply', 'upload']) {
    const told = await runCli([verb, other, ...at]);
    assert.match(
      told.stdout,
      /other contents: it replaces xen_extra_version, the file xen_changeset/,
    );
  }
});
