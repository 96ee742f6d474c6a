import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DEMO_IMAGE, demo, documentOf, runCli, temporaryFolder } from '../support/cli.js';
import { onlyDebug } from '../support/only-debug.js';

/** A folder with the demo image as objcopy --only-keep-debug leaves it. */
function debugImage(t: TestContext): { readonly folder: string; readonly image: string } {
  const folder = temporaryFolder(t);
  const image = join(folder, 'xen-syms.debug');
  writeFileSync(image, onlyDebug(readFileSync(DEMO_IMAGE)));
  return { folder, image };
}

const SAID = /its sections have no contents \(objcopy --only-keep-debug\)/;

const codesOf = (document: Record<string, unknown>) =>
  (document['findings'] as readonly { readonly code: string }[]).map(({ code }) => code);

describe('an image without contents (case 07)', () => {
  for (const xen of [[], ['--xen', '4.17.7']]) {
    it(`has a chain and no verdict: check ${xen.join(' ')}`, async (t) => {
      const { image } = debugImage(t);
      for (const name of ['expect-right', 'hello']) {
        const args = ['check', '--image', image, ...xen, demo(name), '--json'];
        const result = await runCli(args);
        assert.equal(result.code, 1);
        const document = documentOf(result);
        assert.equal(document['verdicts'], null);
        assert.match(String(document['notVerified']), SAID);
        assert.equal(codesOf(document)[0], 'not-verified');
        assert.equal((document['chain'] as readonly unknown[]).length, 1);
      }
    });
  }

  it('makes no host: init', async (t) => {
    const { folder, image } = debugImage(t);
    const host = join(folder, 'host');
    const args = ['init', '--image', image, '--host', `embedded:${host}`, '--xen', '4.17.7'];
    const result = await runCli(args);
    assert.equal(result.code, 1);
    assert.match(result.stderr, SAID);
    assert.equal(existsSync(host), false);
  });

  it('is recorded nowhere: record --expect', async (t) => {
    const { folder, image } = debugImage(t);
    const output = join(folder, 'out.livepatch');
    const args = ['record', demo('hello'), '--image', image, '--xen', '4.17.7', '--expect'];
    const result = await runCli([...args, '--output', output]);
    assert.equal(result.code, 1);
    assert.match(result.stderr, SAID);
    assert.equal(existsSync(output), false);
  });

  it('does not tell what runs: which, with it as image or for a host', async (t) => {
    const { folder, image } = debugImage(t);
    const host = `embedded:${join(folder, 'host')}`;
    assert.equal((await runCli(['init', '--image', DEMO_IMAGE, '--host', host])).code, 0);
    for (const more of [
      ['--xen', '4.17.7'],
      ['--host', host],
    ]) {
      const result = await runCli(['which', 'xen_extra_version', '--image', image, ...more]);
      assert.equal(result.code, 1);
      assert.match(result.stderr, SAID);
    }
  });

  it('compares no old code', async (t) => {
    const { image } = debugImage(t);
    const result = await runCli(['check', demo('hello'), '--image', image, '--check', 'old-code']);
    assert.equal(result.code, 1);
    assert.match(result.stderr, SAID);
  });

  it('is shown with its ids and symbols, and said to be that: inspect', async (t) => {
    const { image } = debugImage(t);
    const document = documentOf(await runCli(['inspect', image, '--json']));
    const [shown] = document['files'] as readonly Record<string, unknown>[];
    assert.ok(shown);
    assert.equal((shown['buildIds'] as readonly unknown[]).length, 1);
    assert.notEqual(shown['symbols'], null);
    assert.deepEqual(shown['memory'], []);
    assert.deepEqual(codesOf(shown), ['image-no-contents']);
  });
});

describe('a payload without contents', () => {
  it('is one finding, not one for each section', async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, 'hello.livepatch');
    writeFileSync(file, onlyDebug(readFileSync(demo('hello'))));
    const document = documentOf(await runCli(['inspect', file, '--json']));
    const [shown] = document['files'] as readonly Record<string, unknown>[];
    assert.ok(shown);
    assert.deepEqual(codesOf(shown), ['payload-no-contents']);
    const checked = await runCli(['check', file, '--image', DEMO_IMAGE]);
    assert.equal(checked.code, 3, checked.stdout);
    assert.match(checked.stdout, /ections have no contents \(objcopy --only-keep-debug\)/);
  });

  it('goes to no hypervisor, and nothing is made of it', async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, 'hello.livepatch');
    writeFileSync(file, onlyDebug(readFileSync(demo('hello'))));
    const host = `embedded:${join(folder, 'host')}`;
    assert.equal((await runCli(['init', '--image', DEMO_IMAGE, '--host', host])).code, 0);
    for (const words of [
      ['apply', file, '--host', host, '--yes'],
      ['upload', file, '--host', host, '--yes'],
      ['replace', file, '--host', host, '--yes'],
      ['record', file, '--image', DEMO_IMAGE, '--output', join(folder, 'out')],
      ['which', 'xen_extra_version', '--image', DEMO_IMAGE, '--on', file],
    ]) {
      const { code, stderr } = await runCli(words);
      assert.equal(code, 1, words.join(' '));
      assert.match(stderr, /hello\.livepatch: Its sections have no contents/, words.join(' '));
      assert.match(stderr, /Take the payload itself/, words.join(' '));
    }
    assert.match((await runCli(['list', '--host', host])).stdout, /Nothing is applied/);
  });
});
