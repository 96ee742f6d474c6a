import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { SHF, sectionByName, sectionBytes } from '../../core/elf/index.js';
import { XspliceError } from '../../core/errors.js';
import {
  type CodeRecord,
  encodeRecord,
  type GuardSetting,
  guardPayload,
  loadedContents,
  RECORD_SECTION,
  readRecord,
  recordPayload,
  withRecord,
} from '../../core/oldcode/index.js';
import { type Payload, readPayload } from '../../core/payload/index.js';
import { apply, upload } from '../../core/verify/index.js';
import { demoPayload, demoSetting, withApplied } from '../support/demo-code.js';
import { createPrng } from '../support/prng.js';
import { readelfMissing, readelfNotes, readelfSections, withFile } from '../support/readelf.js';

let bare: GuardSetting;
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

  it('cut with its file is no payload any more', () => {
    const { bytes } = record(demoPayload('hello'));
    assert.throws(
      () => reread(bytes.subarray(0, bytes.length - 1)),
      /e_shoff.*expected an end within/,
    );
  });
});

function sectionOf(payload: Payload): Buffer {
  const section = sectionByName(payload.elf, RECORD_SECTION);
  assert.ok(section);
  return Buffer.from(sectionBytes(payload.elf, section));
}

describe('readRecord', () => {
  it('gives a status for any damage to the file, and a pass for none that Xen would load', () => {
    const { bytes } = record(demoPayload('caller-fix'));
    const random = createPrng(20_240_601);
    let kept = 0;
    for (let turn = 0; turn < 2000; turn++) {
      const changed = new Uint8Array(bytes);
      for (let count = 1 + random.below(3); count > 0; count--) {
        changed[random.below(changed.length)] = random.below(256);
      }
      const payload = readOrNull(changed);
      if (payload === null || readRecord(payload).status !== 'present') continue;
      kept++;
      const original = reread(bytes);
      assert.equal(loadedContents(payload.elf), loadedContents(original.elf));
      assert.deepEqual(sectionOf(payload), sectionOf(original));
    }
    assert.ok(kept > 0 && kept < 1900, `${kept} of 2000 records are still good`);
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
