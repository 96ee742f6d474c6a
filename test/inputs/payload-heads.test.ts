import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { readPayloadHeads } from '../../core/inputs/index.js';
import {
  type HeadIds,
  idOrNull,
  type Payload,
  readHead,
  readPayload,
} from '../../core/payload/index.js';
import { DEMO, demo, documentOf, runCli, temporaryFolder } from '../support/cli.js';
import { buildIdNote } from '../support/elf-builder.js';
import { buildPayload, idBytes } from '../support/payload-builder.js';

const PAYLOADS = readdirSync(DEMO)
  .filter((name) => name.endsWith('.livepatch'))
  .map((name) => readFileSync(join(DEMO, name)));

function headOf(bytes: Buffer): HeadIds | null {
  return readHead(
    (offset, size) => (offset + size <= bytes.length ? { bytes, base: 0 } : null),
    bytes.length,
  );
}

function idsOf({ buildId, depends, xenDepends }: Payload): Record<string, string | null> {
  return {
    buildId: idOrNull(buildId),
    depends: idOrNull(depends),
    xenDepends: idOrNull(xenDepends),
  };
}

test('headers and notes give the ids that the whole file gives', () => {
  const found = PAYLOADS.map(headOf);
  // All but the one without .livepatch.xen_depends and the one that patches nothing.
  assert.equal(found.filter((ids) => ids === null).length, 2);
  found.forEach((ids, index) => {
    const payload = readPayload(PAYLOADS[index] ?? new Uint8Array(), 'x');
    if (ids !== null) assert.deepEqual(ids, idsOf(payload));
  });
});

test('where bytes are damaged, headers and notes give the same ids or none', () => {
  const damage = fc.record({
    payload: fc.nat(PAYLOADS.length - 1),
    changes: fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    end: fc.option(fc.nat(4000)),
  });
  let given = 0;
  fc.assert(
    fc.property(damage, ({ payload, changes, end }) => {
      const bytes = Buffer.from(PAYLOADS[payload] ?? []).subarray(0, end ?? 4000);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      const ids = headOf(bytes);
      if (ids === null) return;
      given++;
      assert.deepEqual(ids, idsOf(readPayload(bytes, 'x')));
    }),
    { numRuns: 3000 },
  );
  assert.ok(given > 500);
});

test('of a large payload, what is behind its first bytes is read where it lies', (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'large.livepatch');
  const filler = { name: '.filler', flags: 0n, data: new Uint8Array(300_000) };
  const functions = [{ name: 'f' }];
  writeFileSync(file, buildPayload({ functions, extraSections: [filler] }));
  const { members, inputs } = readPayloadHeads([folder], { deep: true });
  assert.deepEqual([members.length, inputs.length], [1, 0]);
  const [member] = members;
  assert.equal(member?.buildId, '11'.repeat(20));
  assert.equal(member?.depends, '22'.repeat(20));
  assert.deepEqual(member?.functions, ['f']);
});

test('one content twice and one id with other contents are told apart', async (t) => {
  const folder = temporaryFolder(t);
  const bytes = readFileSync(demo('hello'));
  const [own, depends] = [buildIdNote(idBytes(1)), buildIdNote(idBytes(2))];
  const functions = [{ name: 'f' }];
  writeFileSync(join(folder, 'a.livepatch'), bytes);
  copyFileSync(demo('hello'), join(folder, 'b.livepatch'));
  writeFileSync(join(folder, 'c.livepatch'), buildPayload({ buildId: own, depends, functions }));
  writeFileSync(
    join(folder, 'd.livepatch'),
    buildPayload({ buildId: own, depends, functions: [{ name: 'g' }] }),
  );
  const xen = idOrNull(readPayload(bytes, 'x').xenDepends) ?? '';
  const result = await runCli(['check', '--build-id', xen, folder, '--json']);
  const { findings, chain } = documentOf(result) as {
    findings: { code: string; file: string; otherFiles?: string[] }[];
    chain: { sha256: string }[];
  };
  const twice = findings.filter(({ code }) => code.startsWith('duplicate-'));
  assert.deepEqual(
    twice.map(({ code, file, otherFiles }) => [code, file.at(-11), otherFiles?.[0]?.at(-11)]),
    [
      ['duplicate-content', 'a', 'b'],
      ['duplicate-build-id', 'c', 'd'],
    ],
  );
  assert.match(chain[0]?.sha256 ?? '', /^[0-9a-f]{64}$/);
});

test('with a build-id only, what does not belong to the chain is not read', async (t) => {
  const folder = temporaryFolder(t);
  const bytes = readFileSync(demo('hello'));
  const payload = readPayload(bytes, 'x');
  const symbols = payload.elf.sections.find(({ name }) => name === '.symtab');
  const damaged = Buffer.from(bytes);
  damaged.fill(0xff, Number(symbols?.offset), Number(symbols?.offset) + 72);
  writeFileSync(join(folder, 'hello.livepatch'), damaged);
  const xen = idOrNull(payload.xenDepends) ?? '';
  const byId = await runCli(['check', '--build-id', xen, folder]);
  assert.equal(byId.code, 0, byId.stdout);
  const byImage = await runCli(['check', '--image', join(DEMO, 'xen-syms-demo'), folder]);
  assert.equal(byImage.code, 3);
});
