import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { COMMAND_NAMES, type CommandName } from '../../cli/options/commands.js';
import { configSchema, documentSchema, policySchema } from '../../cli/schemas/documents.js';
import { madeFiles } from '../../docs/make.js';
import { DEMO_IMAGE, demo, documentOf, runCli, temporaryFolder } from '../support/cli.js';
import {
  hasCompiler,
  makeModule,
  makeNbdkit,
  makePlugin,
  makeQemu,
  makeXenLibrary,
  makeXenProgram,
  OTHER_STAMP,
} from '../support/fake-hosts.js';
import { repositoryRoot } from '../support/repository.js';
import { sampleRepository } from '../support/sample-repository.js';
import { makeKey } from '../support/signers.js';
import { makeDocuments } from './scenario.js';

const ajv = new Ajv2020({ allErrors: false });
const validators = new Map<CommandName, ValidateFunction>();

function assertValid(command: CommandName, document: unknown, what: string): void {
  const schema = documentSchema(command);
  assert.ok(schema !== null, command);
  const validate = validators.get(command) ?? ajv.compile(schema);
  validators.set(command, validate);
  assert.ok(
    validate(document),
    `${what}: ${JSON.stringify(validate.errors?.slice(0, 12), null, 1)}`,
  );
}

test('every document of the scenario is what its schema says', async (t) => {
  for (const { name, document, command } of await makeDocuments(temporaryFolder(t))) {
    assertValid(command, document, name);
  }
});

test('so are those of several targets, of report, diff, explain, and of an error', async (t) => {
  const root = join(temporaryFolder(t), 'sample');
  sampleRepository(root);
  const config = ['--config', join(root, 'xsplice.config.json')];
  const key = makeKey(join(root, 'own'));
  const signed = join(root, 'hello.livepatch');
  copyFileSync(demo('hello'), signed);
  const cases: readonly (readonly [CommandName, readonly string[]])[] = [
    ['check', config],
    ['check', [...config, '--target', 'b chain', '--explain']],
    ['check', ['nowhere', demo('hello'), '--image', DEMO_IMAGE]],
    ['check', [demo('hello'), '--build-id', '00'.repeat(20)]],
    ['check', []],
    ['report', [demo('hello'), '--image', DEMO_IMAGE, '--output', join(root, 'page.html')]],
    ['diff', [demo('hello'), demo('bye')]],
    ['explain', ['fork']],
    ['explain', []],
    ['agent', ['--print']],
    ['inspect', ['nowhere']],
    ['sign', [signed, '--key', key]],
    ['verify-signature', [signed, demo('bye'), 'nowhere', '--trusted-key', `${key}.pub`]],
  ];
  for (const [command, words] of cases) {
    const { stdout } = await runCli([command, ...words, '--json']);
    assertValid(command, JSON.parse(stdout), `${command} ${words.join(' ')}`);
  }
  const validate = ajv.compile(configSchema());
  const file = join(root, 'xsplice.config.json');
  assert.ok(validate(JSON.parse(readFileSync(file, 'utf8'))), JSON.stringify(validate.errors));
  assert.ok(!validate({ targets: [{ name: 'a', payloads: 'p' }] }));
  const isPolicy = ajv.compile(policySchema());
  assert.ok(
    isPolicy({ formatVersion: 1, block: { names: ['hello'] }, neverAccept: ['init-code'] }),
  );
  assert.ok(!isPolicy({ formatVersion: 2 }));
});

const skip = hasCompiler && process.arch === 'x64' ? false : 'no gcc for x86-64 here';
test('so are those of lockstep, of every kind of host', { skip }, async (t) => {
  const root = temporaryFolder(t);
  makeQemu(root);
  makeModule(root, 'block-ssh');
  makeModule(root, 'block-curl', { stamp: OTHER_STAMP });
  makeNbdkit(root);
  makePlugin(root, 'later', { size: 512, slots: [88, 104, 216, 392] });
  const library = makeXenLibrary(root, 'libxenlight.so.4.17');
  makeXenProgram(root, '/usr/lib/xen-4.17/bin/xl', library);
  const tree = await runCli(['lockstep', '--root', root, '--json']);
  const document = documentOf(tree);
  const hosts = document['hosts'] as readonly { readonly kind: string }[];
  assert.deepEqual(
    hosts.map(({ kind }) => kind),
    ['nbdkit', 'qemu', 'linked'],
  );
  assertValid('lockstep', document, 'lockstep --root');
  for (const words of [
    ['--root', root, '/usr/lib/xen-4.17/bin/xl', library.slice(root.length)],
    [`pid:${process.pid}`],
    [DEMO_IMAGE, demo('hello'), '--explain'],
    ['nowhere'],
  ]) {
    const { stdout } = await runCli(['lockstep', ...words, '--json']);
    assertValid('lockstep', JSON.parse(stdout), `lockstep ${words.join(' ')}`);
  }
});

test('a document that lacks a field is found', () => {
  const validate = ajv.compile({ ...documentSchema('list'), $id: 'other' });
  assert.ok(!validate({ formatVersion: 1, ok: true }));
  assert.ok(!validate({ formatVersion: 2, ok: false, error: {}, findings: [] }));
});

test('--json-schema prints what is shipped', async () => {
  const root = repositoryRoot();
  const shipped = madeFiles(root).filter(({ path }) => path.startsWith('schema/'));
  // Graph has none; the configuration, the policy and saved plans have one each.
  assert.equal(shipped.length, COMMAND_NAMES.length + 2);
  for (const { path, text } of shipped) assert.equal(readFileSync(join(root, path), 'utf8'), text);
  const { code, stdout } = await runCli(['check', '--json-schema']);
  assert.equal(code, 0);
  assert.equal(stdout, readFileSync(join(root, 'schema', 'check.json'), 'utf8'));
  assert.equal((await runCli(['graph', '--json-schema'])).code, 64);
});
