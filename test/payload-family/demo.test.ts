import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { buildFamily, selectMembers } from '../../payloads/builder/build-family.js';
import { readShows } from '../../payloads/builder/compile.js';
import { buildDemoImage } from '../../payloads/builder/demo-image.js';
import { ARM64_MEMBER, familyMembers } from '../../payloads/builder/family.js';
import { readElfFacts } from '../../payloads/builder/image-facts.js';
import { payloadSources } from '../../payloads/builder/locate.js';
import type { Manifest } from '../../payloads/builder/manifest.js';
import { buildIdNote, moduleSignatureTrailer, NOWHERE_ID } from '../../payloads/builder/notes.js';
import { runTool, toolVersions, X86_64 } from '../../payloads/builder/toolchain.js';

const sources = payloadSources();
const demo = join(sources, 'demo');
const manifest = JSON.parse(readFileSync(join(demo, 'manifest.json'), 'utf8')) as Manifest;
const imageFile = join(demo, manifest.hypervisor.file ?? '');
const demoFamily = [...familyMembers(5), ARM64_MEMBER].filter((m) => m.onRequest !== true);

async function unavailable(...tools: readonly string[]): Promise<string | false> {
  for (const tool of tools) {
    const missing = await runTool(tool, ['--version']).then(
      () => false,
      () => true,
    );
    if (missing) return `${tool} is not installed`;
  }
  return false;
}

/** Sizes of a payload's allocated sections, by readelf. */
async function sectionSizes(file: string): Promise<ReadonlyMap<string, number>> {
  const headers = await runTool('readelf', ['-SW', file]);
  const row = /\] (\S+) +\S+ +[0-9a-f]{16} [0-9a-f]+ ([0-9a-f]+) [0-9a-f]{2} +\S*A/;
  return new Map(
    headers.split('\n').flatMap((line): [string, number][] => {
      const [, name, size] = row.exec(line) ?? [];
      return name === undefined || size === undefined ? [] : [[name, Number.parseInt(size, 16)]];
    }),
  );
}

describe('the committed demo', () => {
  test('is small, and its files are those of the manifest', () => {
    const files = readdirSync(demo, { recursive: true })
      .map(String)
      .filter((file) => statSync(join(demo, file)).isFile());
    const listed = manifest.payloads.map((entry) => entry.file);
    assert.deepEqual(
      files.sort(),
      [...listed, 'manifest.json', manifest.hypervisor.file ?? ''].sort(),
    );
    const total = files.reduce((sum, file) => sum + statSync(join(demo, file)).size, 0);
    assert.ok(total < 400_000, `${total} bytes`);
  });

  test('leaves no member of the family out', () => {
    assert.deepEqual(manifest.leftOut, []);
    assert.deepEqual(
      manifest.payloads.map((entry) => entry.name).sort(),
      demoFamily.map((member) => member.name).sort(),
    );
  });

  test('has a hypervisor with the id that the manifest states', () => {
    assert.ok(readFileSync(imageFile).includes(buildIdNote(manifest.hypervisor.buildId)));
  });

  for (const entry of manifest.payloads) {
    test(`${entry.file} is what the manifest says`, () => {
      const bytes = readFileSync(join(demo, entry.file));
      assert.equal(bytes.length, entry.sizeBytes);
      assert.equal(createHash('sha256').update(bytes).digest('hex'), entry.sha256);
      for (const id of [entry.buildId, entry.depends, entry.xenDepends]) {
        if (id !== null) assert.ok(bytes.includes(buildIdNote(id)), `no note with ${id}`);
      }
      const member = demoFamily.find((m) => m.name === entry.name);
      assert.ok(member !== undefined);
      assert.equal(entry.shows, readShows(member, sources));
    });
  }

  test('links every payload to the hypervisor, to another payload or to nothing at all', () => {
    const known = new Set([
      manifest.hypervisor.buildId,
      NOWHERE_ID,
      ...manifest.payloads.map((entry) => entry.buildId),
    ]);
    const lost = manifest.payloads.filter((entry) => !known.has(entry.depends));
    assert.deepEqual(lost, []);
    const byName = new Map(manifest.payloads.map((entry) => [entry.name, entry]));
    for (let link = 2; link <= 5; link++) {
      assert.equal(
        byName.get(`chain-0${link}`)?.depends,
        byName.get(`chain-0${link - 1}`)?.buildId,
      );
    }
    assert.equal(byName.get('bye')?.depends, byName.get('hello')?.buildId);
    assert.equal(byName.get('wrong-depends')?.depends, NOWHERE_ID);
    assert.equal(byName.get('no-xen-depends')?.xenDepends, null);
  });

  test('gives every payload an id of its own', () => {
    const ids = manifest.payloads.map((entry) => entry.buildId);
    assert.equal(new Set(ids).size, ids.length);
  });

  test('has one entry of 104 bytes for each function, and one pointer for each hook', async (t) => {
    const reason = await unavailable('readelf');
    if (reason !== false) return t.skip(reason);
    for (const entry of manifest.payloads) {
      const sizes = await sectionSizes(join(demo, entry.file));
      const functions = entry.name === 'unknown-function' ? 1 : entry.replaces.length;
      assert.equal(sizes.get('.livepatch.funcs') ?? 0, 104 * functions, entry.file);
      for (const [name, size] of sizes) {
        if (!name.startsWith('.livepatch.hooks.')) continue;
        const pointers = entry.name === 'hook-load' ? 2 : 1;
        assert.equal(size, 8 * pointers, `${entry.file} ${name}`);
      }
    }
  });

  test('ends the build-tools-shaped payload in a module signature', () => {
    const bytes = readFileSync(join(demo, 'build-tools-shape.livepatch'));
    const trailer = moduleSignatureTrailer();
    assert.deepEqual(bytes.subarray(-trailer.length), trailer);
  });

  test('uses only the relocations that Xen knows', async (t) => {
    const reason = await unavailable('readelf');
    if (reason !== false) return t.skip(reason);
    for (const entry of manifest.payloads.filter((e) => e.machine === 'x86-64')) {
      const listing = await runTool('readelf', ['-rW', join(demo, entry.file)]);
      const types = new Set(listing.match(/R_X86_64_\w+/g) ?? []);
      for (const type of ['R_X86_64_64', 'R_X86_64_PC32', 'R_X86_64_PLT32']) types.delete(type);
      assert.deepEqual([...types], [], entry.file);
    }
  });

  test('gives Xen one writable section at most where the payload keeps no data', async (t) => {
    const reason = await unavailable('readelf');
    if (reason !== false) return t.skip(reason);
    const keepsData = new Set(['data', 'veto-prerevert', 'norevert']);
    for (const entry of manifest.payloads) {
      const headers = await runTool('readelf', ['-SW', join(demo, entry.file)]);
      const writable = headers.split('\n').flatMap((line) => {
        const [, name, size] = /\] (\S+) .* ([0-9a-f]+) \d+ +WA /.exec(line) ?? [];
        return name === undefined || size === undefined || /^0+$/.test(size) ? [] : [name];
      });
      const others = writable.filter((name) => name !== '.livepatch.funcs');
      assert.equal(others.length > 0, keepsData.has(entry.name), `${entry.file}: ${others}`);
    }
  });
});

describe('a rebuild', () => {
  const out = mkdtempSync(join(tmpdir(), 'xsplice-rebuild-'));
  after(() => rmSync(out, { recursive: true, force: true }));

  test('gives the committed bytes with the compiler and linker of the manifest', async (t) => {
    const missing = await unavailable('gcc', 'ld', 'objcopy', 'objdump', 'readelf', 'nm');
    if (missing !== false) return t.skip(missing);
    const versions = await toolVersions(X86_64);
    if (versions.compiler !== manifest.compiler || versions.linker !== manifest.linker) {
      return t.skip(`made by ${manifest.compiler}, found ${versions.compiler}`);
    }
    const image = join(out, 'image');
    await buildDemoImage(sources, image, X86_64);
    assert.deepEqual(readFileSync(image), readFileSync(imageFile));

    const names = [
      'bye',
      'nop',
      'expect-right',
      'hook-load',
      'build-tools-shape',
      'nop-misaligned',
    ];
    const rebuilt = await buildFamily({
      image: await readElfFacts(imageFile),
      members: selectMembers(familyMembers(5), names),
      out,
      sources,
      payloadVersion: 2,
      tools: X86_64,
    });
    assert.deepEqual(rebuilt.leftOut, []);
    assert.equal(rebuilt.payloads.length, names.length + 1);
    for (const entry of rebuilt.payloads) {
      assert.deepEqual(
        entry,
        manifest.payloads.find((committed) => committed.name === entry.name),
      );
      assert.ok(existsSync(join(out, entry.file)));
    }
  });
});
