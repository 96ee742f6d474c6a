import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { selectMembers } from '../../payloads/builder/build-family.js';
import { compileMember } from '../../payloads/builder/compile.js';
import { familyMembers } from '../../payloads/builder/family.js';
import {
  type ImageFacts,
  readElfFacts,
  readImageFacts,
  readJsonFacts,
} from '../../payloads/builder/image-facts.js';
import { payloadSources } from '../../payloads/builder/locate.js';
import { buildIdNote } from '../../payloads/builder/notes.js';
import { endsInLongJump, readStraightCode } from '../../payloads/builder/old-code.js';
import { runTool, X86_64 } from '../../payloads/builder/toolchain.js';

const folder = mkdtempSync(join(tmpdir(), 'xsplice-builder-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function hasTool(tool: string): Promise<boolean> {
  return runTool(tool, ['--version']).then(
    () => true,
    () => false,
  );
}

function oneFunction(code: string): ImageFacts {
  const bytes = Buffer.from(code, 'hex');
  const start = 0xffff82d040200000n;
  return {
    buildId: 'aa',
    symbol: (name) => (name === 'f' ? { address: start, sizeBytes: bytes.length } : undefined),
    bytes: (address, count) => {
      const from = Number(address - start);
      return from + count <= bytes.length ? bytes.subarray(from, from + count) : null;
    },
  };
}

describe('family members', () => {
  test('come with the parents they need, in the order of building', () => {
    const family = familyMembers(30);
    const names = (wanted: readonly string[]) => selectMembers(family, wanted).map((m) => m.name);
    assert.deepEqual(names(['bye']), ['hello', 'bye']);
    assert.deepEqual(names(['chain-03', 'nop']), ['nop', 'chain-01', 'chain-02', 'chain-03']);
    assert.throws(() => selectMembers(family, ['chain-31']), { code: 'unknown-member' });
  });

  test('have names of their own, and parents before children, for any chain', () => {
    for (const length of [0, 1, 30, 120]) {
      const seen = new Set<string>();
      for (const { name, depends } of familyMembers(length)) {
        assert.ok(!seen.has(name), name);
        if (typeof depends === 'object') assert.ok(seen.has(depends.member), name);
        seen.add(name);
      }
    }
  });

  test('are left out with a reason where the payload version is too low', async () => {
    const [nofunc] = selectMembers(familyMembers(0), ['nofunc']);
    assert.ok(nofunc !== undefined);
    const result = await compileMember(nofunc, {
      image: oneFunction('c3'),
      payloadVersion: 1,
      tools: X86_64,
      sources: payloadSources(),
      scratch: folder,
    });
    assert.equal(result, 'needs payload version 2 (Xen 4.14 or later)');
  });
});

test('a note pads its id to four bytes, and its size says how long the id is', () => {
  const note = buildIdNote('0102030405');
  assert.equal(note.toString('hex'), '040000000500000003000000474e55000102030405000000');
});

describe('straight code', () => {
  const cases = [
    ['mov and jmp to a return thunk', 'b811000000e906e6fcff', [5], true],
    ['mov and ret', 'b811000000c3', [5], false],
    ['lea and jmp', '488d0518ba1600e9f4e5fcff', [7], true],
    ['endbr64, push, ret', 'f30f1efa55c3', [4, 1], false],
  ] as const;
  for (const [what, code, lengths, long] of cases) {
    test(`of ${what} has ${lengths.length} instructions`, async (t) => {
      if (!(await hasTool('objdump'))) return t.skip('objdump is not installed');
      const image = oneFunction(code);
      const straight = await readStraightCode(image, 'f');
      assert.ok(typeof straight === 'object', String(straight));
      assert.deepEqual(straight.lengths, lengths);
      assert.equal(await endsInLongJump(image, 'f'), long);
    });
  }

  test('is refused in words where there is none', async (t) => {
    if (!(await hasTool('objdump'))) return t.skip('objdump is not installed');
    assert.match(String(await readStraightCode(oneFunction('c3'), 'f')), /starts with a jump/);
    assert.match(String(await readStraightCode(oneFunction('c3'), 'g')), /has no g/);
  });
});

describe('facts from a list of symbols', () => {
  const write = (name: string, document: unknown): string => {
    const file = join(folder, name);
    writeFileSync(file, JSON.stringify(document));
    return file;
  };

  test('take a missing size from the next address, and bytes only where given', () => {
    const facts = readJsonFacts(
      write('good.json', {
        buildId: 'abcd',
        symbols: {
          second: { address: '0xffff82d040200010' },
          first: { address: '0xffff82d040200000', bytes: 'b811000000c3' },
          alias: { address: '0xffff82d040200000', size: 6 },
        },
      }),
    );
    assert.deepEqual(facts.symbol('first'), { address: 0xffff82d040200000n, sizeBytes: 16 });
    assert.deepEqual(facts.symbol('alias'), { address: 0xffff82d040200000n, sizeBytes: 6 });
    assert.equal(facts.symbol('second')?.sizeBytes, 0);
    assert.equal(facts.symbol('third'), undefined);
    assert.deepEqual(facts.bytes(0xffff82d040200005n, 1), Buffer.from('c3', 'hex'));
    assert.equal(facts.bytes(0xffff82d040200005n, 2), null);
  });

  for (const [what, document] of [
    ['no id', { symbols: {} }],
    ['an id of half a byte', { buildId: 'abc', symbols: {} }],
    ['no symbols', { buildId: 'ab' }],
    ['an address that is a number', { buildId: 'ab', symbols: { f: { address: 4096 } } }],
    ['a list', []],
  ] as const) {
    test(`refuse ${what}`, () => {
      const file = write('bad.json', document);
      assert.throws(() => readJsonFacts(file), { code: 'malformed-symbols' });
    });
  }
});

test('facts from an image tell local symbols of one name apart by their file', async (t) => {
  if (!(await hasTool('readelf'))) return t.skip('readelf is not installed');
  const facts = await readElfFacts(join(payloadSources(), 'demo', 'xen-syms-demo'));
  const kernel = facts.symbol('common/kernel.c#limit');
  const keyhandler = facts.symbol('common/keyhandler.c#limit');
  assert.ok(kernel !== undefined && keyhandler !== undefined);
  assert.notEqual(kernel.address, keyhandler.address);
  assert.equal(facts.symbol('limit'), undefined);
  const minor = facts.symbol('xen_minor_version');
  assert.ok(minor !== undefined);
  const moveSeventeen = facts.bytes(minor.address, 5);
  assert.deepEqual(moveSeventeen, new Uint8Array([0xb8, 17, 0, 0, 0]));
  assert.equal(facts.bytes(0x1000n, 1), null);
});

test('facts from an image are refused in words where the file is none', async () => {
  const file = join(folder, 'not-an-image');
  writeFileSync(file, 'root:x:0:0');
  await assert.rejects(readImageFacts(file), { code: 'not-an-image' });
});
