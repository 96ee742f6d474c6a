import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { SHF, SHT, sectionByName, sectionBytes } from '../../core/elf/index.js';
import { XspliceError } from '../../core/findings/index.js';
import {
  type CodeContext,
  type CodeRecord,
  codeGraph,
  encodeRecord,
  guardPayload,
  loadedContents,
  RECORD_SECTION,
  readRecord,
  recordPayload,
  runningCode,
  withRecord,
} from '../../core/oldcode/index.js';
import { type Payload, readPayload } from '../../core/payload/index.js';
import { apply, upload } from '../../core/verify/index.js';
import { demoPayload, demoSetting, withApplied } from '../support/demo-code.js';
import { createPrng } from '../support/prng.js';
import { readelfMissing, readelfNotes, readelfSections, withFile } from '../support/readelf.js';

let bare: CodeContext;
before(async () => {
  bare = await demoSetting();
});

const record = (payload: Payload, expect = false) => recordPayload(bare, payload, { expect });
const reread = (bytes: Uint8Array) => readPayload(bytes, 'recorded.livepatch');
const NAMES = ['hello', 'caller-fix', 'data', 'nofunc', 'hook-load', 'build-tools-shape', 'nop'];

describe('a recorded payload', () => {
  for (const name of NAMES) {
    it(`of ${name} has every byte that Xen loads at the same place`, () => {
      const payload = demoPayload(name);
      const after = reread(record(payload).bytes);
      assert.equal(loadedContents(after.elf), loadedContents(payload.elf));
      assert.deepEqual(after.buildId, payload.buildId);
      assert.equal(after.elf.sections.length, payload.elf.sections.length + 1);
      for (const section of payload.elf.sections) {
        if (section.index === payload.elf.header.sectionNameIndex) continue;
        assert.deepEqual(after.elf.sections[section.index], section);
      }
      const added = after.elf.sections.at(-1);
      assert.equal(added?.name, RECORD_SECTION);
      assert.equal(added?.flags, 0n);
      // All but the two fields that lead to the section headers.
      const before = new Uint8Array(payload.elf.bytes);
      const prefix = new Uint8Array(after.elf.bytes.subarray(0, before.length));
      for (const bytes of [before, prefix]) bytes.fill(0, 40, 48).fill(0, 60, 62);
      assert.deepEqual(prefix, before);
    });

    it(`of ${name} is loaded and applied as before`, () => {
      const { bytes } = record(demoPayload(name));
      const uploaded = upload(bare.model, name, bytes);
      assert.deepEqual(uploaded.verdict.outcome, { outcome: 'accepted' });
      const expected = upload(bare.model, name, demoPayload(name).elf.bytes);
      assert.deepEqual(uploaded.model.payloads, expected.model.payloads);
      const { verdict } = apply(uploaded.model, name, { nodeps: false });
      assert.deepEqual(verdict.outcome, { outcome: 'accepted' });
    });

    it(`of ${name} is the same when it is recorded again`, () => {
      const once = record(demoPayload(name)).bytes;
      assert.deepEqual(record(reread(once)).bytes, once);
    });
  }

  it('gets a new record in place of the old one, not a second one', () => {
    const once = reread(record(demoPayload('caller-fix')).bytes);
    const setting = withApplied(bare, demoPayload('callee-fix'));
    const twice = reread(recordPayload(setting, once, { expect: false }).bytes);
    assert.equal(twice.elf.sections.length, once.elf.sections.length);
    const status = readRecord(twice);
    assert.ok(status.status === 'present');
    const { buildId } = demoPayload('callee-fix');
    assert.ok(buildId.status === 'present');
    assert.deepEqual(status.record.on, [buildId.id]);
  });

  it('names its ids, its functions, and all that they reach', () => {
    const payload = demoPayload('caller-fix');
    const { record: made } = record(payload);
    assert.deepEqual(
      made.functions.map(({ name }) => name),
      ['demo_total'],
    );
    const names = made.nodes.map(({ name }) => name);
    assert.deepEqual([...names].sort(), ['common/kernel.c#limit', 'demo_rate', 'demo_total']);
    const total = made.nodes[made.functions[0]?.oldCode ?? -1];
    assert.equal(total?.name, 'demo_total');
    assert.equal(total?.sizeBytes, 16);
    const named = (places: readonly number[] = []) => places.map((place) => names[place]);
    assert.deepEqual(named(total?.callees).sort(), ['common/kernel.c#limit', 'demo_rate']);
    assert.deepEqual(named(made.functions[0]?.newCallees), ['demo_rate']);
    assert.deepEqual(made.on, []);
    assert.equal(made.hypervisor, bare.model.buildId);
    const status = readRecord(reread(record(payload).bytes));
    assert.deepEqual(status, { status: 'present', record: made });
  });

  it('keeps no signature that would not cover it, and says so', () => {
    const payload = demoPayload('build-tools-shape');
    assert.equal(payload.hasSignature, true);
    const { bytes, findings } = record(payload);
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['signature-uncovered'],
    );
    assert.equal(reread(bytes).hasSignature, false);
  });

  it('is an ELF file to readelf, with the same notes', { skip: readelfMissing }, () => {
    const payload = demoPayload('hello');
    const { bytes } = record(payload);
    const sections = withFile(bytes, readelfSections);
    const before = withFile(payload.elf.bytes, readelfSections);
    assert.deepEqual(
      sections.map(({ name }) => name),
      [...before.map(({ name }) => name), RECORD_SECTION],
    );
    assert.equal(sections.at(-1)?.flags, '');
    assert.deepEqual(withFile(bytes, readelfNotes), withFile(payload.elf.bytes, readelfNotes));
  });
});

/** Ways to spoil a record: the section's bytes, and the code of the finding. */
const SPOILED: readonly {
  readonly what: string;
  readonly spoil: (section: Buffer, made: CodeRecord) => Uint8Array;
  readonly code: string;
}[] = [
  { what: 'empty', spoil: () => new Uint8Array(), code: 'record-damaged' },
  { what: 'no record at all', spoil: () => Buffer.from('hello\n{}'), code: 'record-damaged' },
  { what: 'cut', spoil: (s) => s.subarray(0, s.length - 1), code: 'record-damaged' },
  { what: 'cut in its first line', spoil: (s) => s.subarray(0, 20), code: 'record-damaged' },
  { what: 'longer than stated', spoil: (s) => Buffer.concat([s, s]), code: 'record-damaged' },
  {
    what: 'changed by a bit',
    spoil: (s) => {
      const changed = Buffer.from(s);
      changed[s.length - 5] = (s[s.length - 5] ?? 0) ^ 1;
      return changed;
    },
    code: 'record-damaged',
  },
  {
    what: 'of a later format',
    spoil: (_, made) => encodeRecord({ ...made, formatVersion: 2 }),
    code: 'record-version',
  },
  {
    what: 'of a later format with another first line',
    spoil: () => Buffer.from('xsplice-record 7 zstd\n\x00\x01'),
    code: 'record-version',
  },
  {
    what: 'of another format than its first line says',
    spoil: (_, made) => reseal(JSON.stringify({ ...made, formatVersion: 2 })),
    code: 'record-version',
  },
  {
    what: 'with digests of another kind',
    spoil: (_, made) => encodeRecord({ ...made, digestFormat: 'xsplice-code-0' }),
    code: 'record-version',
  },
  {
    what: 'for other contents',
    spoil: (_, made) => encodeRecord({ ...made, contents: '00'.repeat(32) }),
    code: 'record-foreign',
  },
  {
    what: 'for another build-id',
    spoil: (_, made) => encodeRecord({ ...made, buildId: '00'.repeat(20) }),
    code: 'record-foreign',
  },
  {
    what: 'without its functions',
    spoil: (_, made) => encodeRecord({ ...made, functions: [] }),
    code: 'record-foreign',
  },
  {
    what: 'with an edge to nowhere',
    spoil: (_, made) =>
      encodeRecord({
        ...made,
        nodes: made.nodes.map((node) => ({ ...node, callees: [made.nodes.length] })),
      }),
    code: 'record-damaged',
  },
  {
    what: 'with old code that is not in it',
    spoil: (_, made) =>
      encodeRecord({ ...made, functions: made.functions.map((f) => ({ ...f, oldCode: -1 })) }),
    code: 'record-damaged',
  },
  { what: 'no JSON', spoil: () => reseal('{"formatVersion":1,'), code: 'record-damaged' },
  { what: 'JSON of something else', spoil: () => reseal('[1,2,3]'), code: 'record-damaged' },
  { what: 'deep JSON', spoil: () => reseal('['.repeat(200_000)), code: 'record-damaged' },
];

/** A first line that fits a body. */
function reseal(body: string): Uint8Array {
  const digest = createHash('sha256').update(body).digest('hex');
  return Buffer.from(`xsplice-record 1 ${Buffer.byteLength(body)} ${digest}\n${body}`);
}

describe('a spoiled record', () => {
  for (const { what, spoil, code } of SPOILED) {
    it(`that is ${what} is a finding, and the payload does not pass`, () => {
      const payload = demoPayload('caller-fix');
      const made = record(payload);
      const section = sectionOf(reread(made.bytes));
      const spoiled = reread(withRecord(payload, spoil(section, made.record)));
      const status = readRecord(spoiled);
      assert.ok(status.status === 'invalid');
      assert.equal(status.finding.code, code);
      assert.equal(status.finding.severity, 'error');
      const verdict = guardPayload('old-code', bare, spoiled);
      assert.equal(verdict.passes, false);
      assert.ok(verdict.findings.some((finding) => finding.code === code));
      assert.ok(verdict.functions.every(({ comparison }) => comparison.result === 'unknown'));
    });
  }

  it('that was made for another payload is refused', () => {
    const foreign = encodeRecord(record(demoPayload('replace')).record);
    const status = readRecord(reread(withRecord(demoPayload('hello'), foreign)));
    assert.ok(status.status === 'invalid');
    assert.equal(status.finding.code, 'record-foreign');
  });

  it('does not fit a payload whose loaded bytes were changed after it was made', () => {
    const recorded = reread(record(demoPayload('caller-fix')).bytes);
    for (const { index, name, flags, type, offset, size } of recorded.elf.sections) {
      if ((flags & SHF.ALLOC) === 0n || type === 8 || size === 0n) continue;
      const bytes = new Uint8Array(recorded.elf.bytes);
      const at = Number(offset + size) - 1;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      assert.notEqual(
        readRecord(reread(bytes)).status,
        'present',
        `section ${index} ${name} may be changed`,
      );
    }
  });

  it('cut with its file is no payload any more, wherever it is cut', () => {
    const { bytes } = record(demoPayload('hello'));
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => reread(bytes.subarray(0, length)), XspliceError, `${length} bytes`);
    }
  });

  it('cut at any length is damaged', () => {
    const payload = demoPayload('caller-fix');
    const section = sectionOf(reread(record(payload).bytes));
    for (let length = 0; length < section.length; length++) {
      const status = readRecord(reread(withRecord(payload, section.subarray(0, length))));
      assert.ok(status.status === 'invalid', `${length} bytes`);
      assert.equal(status.finding.code, 'record-damaged', `${length} bytes`);
    }
  });

  it('changed in any one byte is refused', () => {
    const { bytes } = record(demoPayload('caller-fix'));
    const { offset, size } = sectionByName(reread(bytes).elf, RECORD_SECTION) ?? {};
    assert.ok(offset !== undefined && size !== undefined);
    const codes = new Set<string>();
    for (let at = Number(offset); at < Number(offset + size); at++) {
      // Another bit in each byte; all of them in the version, a digit behind the magic.
      const isVersion = at === Number(offset) + 'xsplice-record '.length;
      for (const bit of isVersion ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8]) {
        const status = readRecord(reread(flipped(bytes, at, 1 << bit)));
        assert.ok(status.status === 'invalid', `bit ${bit} of byte ${at}`);
        codes.add(status.finding.code);
      }
    }
    assert.deepEqual([...codes].sort(), ['record-damaged', 'record-version']);
  });

  /** sh_type and sh_flags of the record's section, and what they are to be. */
  const HEADERS = [
    { what: 'loaded by Xen (SHF_ALLOC)', field: 8, value: SHF.ALLOC },
    { what: 'writable', field: 8, value: SHF.WRITE },
    { what: 'compressed (SHF_COMPRESSED)', field: 8, value: 0x800n },
    { what: 'without contents (SHT_NOBITS)', field: 4, value: BigInt(SHT.NOBITS) },
    { what: 'a table of strings (SHT_STRTAB)', field: 4, value: BigInt(SHT.STRTAB) },
  ] as const;
  for (const { what, field, value } of HEADERS) {
    it(`in a section that is ${what} is damaged, and the payload does not pass`, () => {
      const bytes = new Uint8Array(record(demoPayload('caller-fix')).bytes);
      const view = new DataView(bytes.buffer);
      // The last header ends the file.
      if (field === 4) view.setUint32(bytes.length - 64 + field, Number(value), true);
      else view.setBigUint64(bytes.length - 64 + field, value, true);
      assertRefused(reread(bytes), 'record-damaged');
    });
  }

  it('that comes with a second one is damaged, and the payload does not pass', () => {
    const { bytes } = record(demoPayload('caller-fix'));
    // The last header once more behind the end of the file.
    const twice = Buffer.concat([bytes, bytes.subarray(bytes.length - 64)]);
    twice.writeUInt16LE(twice.readUInt16LE(60) + 1, 60);
    const payload = reread(twice);
    const names = payload.elf.sections.map(({ name }) => name);
    assert.deepEqual(names.slice(-2), [RECORD_SECTION, RECORD_SECTION]);
    assertRefused(payload, 'record-damaged');
  });
});

function flipped(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const changed = new Uint8Array(bytes);
  changed[at] = (changed[at] ?? 0) ^ mask;
  return changed;
}

function assertRefused(payload: Payload, code: string): void {
  const status = readRecord(payload);
  assert.ok(status.status === 'invalid');
  assert.equal(status.finding.code, code);
  const verdict = guardPayload('old-code', bare, payload);
  assert.equal(verdict.passes, false);
  assert.deepEqual(verdict.by, []);
}

/** Records that are whole, made by somebody who wants the payload to pass on a callee that was changed. */
const FORGED: readonly {
  readonly what: string;
  readonly forge: (made: CodeRecord) => CodeRecord;
  readonly says: RegExp;
}[] = [
  {
    what: 'names another digest',
    forge: (made) => ({
      ...made,
      nodes: made.nodes.map((n) => ({ ...n, digest: '00'.repeat(16) })),
    }),
    says: /demo_total differs: expected digest 0{32}/,
  },
  {
    what: 'leaves out what the old code calls',
    forge: (made) => ({
      ...made,
      nodes: made.nodes.map((node) => ({ ...node, callees: [] })),
      functions: made.functions.map((f) => ({ ...f, newCallees: [] })),
    }),
    says: /do not agree whether demo_rate is called/,
  },
  {
    what: 'leaves out what the new code calls',
    forge: (made) => ({
      ...made,
      functions: made.functions.map((f) => ({ ...f, newCallees: [] })),
    }),
    says: /its record and the new code do not agree whether demo_rate is called/,
  },
  {
    what: 'leaves out what the old code alone calls',
    forge: (made) => ({
      ...made,
      nodes: made.nodes.map((node) =>
        node.name === 'demo_total'
          ? { ...node, callees: node.callees.filter((p) => made.nodes[p]?.name !== 'demo_rate') }
          : { ...node, digest: digestNow(node.name) },
      ),
    }),
    says: /its record and the code of demo_total do not agree whether demo_rate is called/,
  },
  {
    what: 'is of another function',
    forge: (made) => ({
      ...made,
      functions: made.functions.map((f) => ({
        ...f,
        oldCode: made.nodes.findIndex(({ name }) => name.endsWith('#limit')),
      })),
    }),
    says: /its record is of common\/kernel\.c#limit, and it replaces demo_total/,
  },
];

/** Of a function on the hypervisor with callee-fix applied. */
function digestNow(name: string): string {
  const { disassembler, base, model } = withApplied(bare, demoPayload('callee-fix'));
  const node = codeGraph(disassembler, runningCode(base, model)).named(name);
  assert.ok(node);
  return node.digest;
}

describe('a forged record', () => {
  for (const { what, forge, says } of FORGED) {
    it(`that ${what} does not make the payload pass`, () => {
      const payload = demoPayload('caller-fix');
      const forged = reread(withRecord(payload, encodeRecord(forge(record(payload).record))));
      assert.equal(readRecord(forged).status, 'present', 'nothing but the code tells');
      const verdict = guardPayload(
        'old-code',
        withApplied(bare, demoPayload('callee-fix')),
        forged,
      );
      assert.equal(verdict.passes, false);
      assert.deepEqual(verdict.by, []);
      const errors = verdict.findings.filter(({ severity }) => severity === 'error');
      assert.match(errors.map(({ message }) => message).join('\n'), says);
    });
  }
});

function sectionOf(payload: Payload): Buffer {
  const section = sectionByName(payload.elf, RECORD_SECTION);
  assert.ok(section);
  return Buffer.from(sectionBytes(payload.elf, section));
}

/** Files with some bytes changed at random. */
const TURNS = 500;

/** What Xen holds of a payload once it is loaded; null where it does not load it. */
function loaded(bytes: Uint8Array) {
  const { verdict, model } = upload(bare.model, 'subject', bytes);
  const payload = model.payloads.at(-1);
  if (verdict.outcome.outcome !== 'accepted' || payload === undefined) return null;
  const { base, pages } = payload.allocation;
  return { payload, memory: Buffer.from(model.memory.read(base, Number(pages) * 4096)) };
}

describe('readRecord', () => {
  /** How many of these changed files have a good record: Xen has to load the same from all of them. */
  function countGood(files: Iterable<Uint8Array>, original: Uint8Array): number {
    const expected = loaded(original);
    assert.ok(expected !== null);
    const section = sectionOf(reread(original));
    let good = 0;
    for (const file of files) {
      const payload = readOrNull(file);
      if (payload === null || readRecord(payload).status !== 'present') continue;
      good++;
      assert.deepEqual(sectionOf(payload), section);
      const found = loaded(file);
      if (found !== null) assert.deepEqual(found, expected);
    }
    return good;
  }

  it('gives no pass for a change of one byte that changes what Xen loads', () => {
    const { bytes } = record(demoPayload('caller-fix'));
    function* changed() {
      for (let at = 0; at < bytes.length; at++) yield flipped(bytes, at, 0xff);
    }
    const good = countGood(changed(), bytes);
    // Headers that were replaced, padding, and fields that nobody reads.
    assert.ok(good > 0 && good < bytes.length / 2, `${good} of ${bytes.length} are still good`);
  });

  it('nor for a change of some', () => {
    const { bytes } = record(demoPayload('caller-fix'));
    const random = createPrng(20_240_601);
    function* changed() {
      for (let turn = 0; turn < TURNS; turn++) {
        const file = new Uint8Array(bytes);
        for (let count = 1 + random.below(3); count > 0; count--) {
          file[random.below(file.length)] = random.below(256);
        }
        yield file;
      }
    }
    const good = countGood(changed(), bytes);
    assert.ok(good > 0 && good < TURNS, `${good} of ${TURNS} records are still good`);
  });
});

function readOrNull(bytes: Uint8Array): Payload | null {
  try {
    return reread(bytes);
  } catch (error) {
    assert.ok(error instanceof XspliceError);
    return null;
  }
}
