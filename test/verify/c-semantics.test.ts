import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHF } from '../../core/elf/constants.js';
import { apply, type Model, revert, upload } from '../../core/verify/index.js';
import { hexBytes } from '../support/elf-builder.js';
import { idBytes, type PayloadSpec } from '../support/payload-builder.js';
import {
  addressOf,
  note,
  plainFunction,
  tinyModel,
  tinyPayload,
  verdictLine,
  withContents,
  withSection,
} from '../support/tiny-model.js';

/** Widths, pointers and NULLs of Xen's C that a payload can make visible. */

const NODEPS = { nodeps: false };
const SECTION_SIZE_OF_4G = 104n << 32n;

function loaded(release: string, bytes: Uint8Array): Model {
  const answer = upload(tinyModel(release), 'p', bytes);
  assert.equal(verdictLine(answer), 'accepted');
  return answer.model;
}

/** A section that is not loaded, so that its size is not looked at, with a size that lies. */
function unloaded(name: string, size: bigint, spec: PayloadSpec = {}): Uint8Array {
  const bytes = tinyPayload({ extraSections: [{ name, data: new Uint8Array(0) }], ...spec });
  return withSection(bytes, name, { type: 8n, size });
}

describe('integers', () => {
  it('the number of functions is an unsigned int: 2^32 of them are none', () => {
    const bytes = withSection(tinyPayload(), '.livepatch.funcs', {
      type: 8n,
      flags: 0n,
      size: SECTION_SIZE_OF_4G,
    });
    for (const release of ['4.14.6', '4.17.7', '4.20.4']) {
      assert.equal(verdictLine(upload(tinyModel(release), 'p', bytes)), 'accepted', release);
    }
  });

  it('more function states than an unsigned int has bytes for are ENOMEM, once there are states', () => {
    const bytes = withSection(tinyPayload(), '.livepatch.funcs', {
      type: 8n,
      flags: 0n,
      size: SECTION_SIZE_OF_4G - 104n,
    });
    const answers = ['4.17.2', '4.17.7', '4.20.4'].map((release) =>
      verdictLine(upload(tinyModel(release), 'p', bytes)),
    );
    assert.deepEqual(answers, [
      'fatal functions: read of unmapped address 0000000000000020',
      'refused functions ENOMEM',
      'refused functions ENOMEM',
    ]);
  });

  it('a note section of 4 GiB and 4 bytes passes the comparison of its id', () => {
    const bytes = withSection(tinyPayload(), '.note.gnu.build-id', {
      type: 8n,
      flags: 0n,
      size: (1n << 32n) + 4n,
    });
    assert.equal(verdictLine(upload(tinyModel('4.20.4'), 'p', bytes)), 'accepted');
  });

  it('alternatives end where start and size wrap to', () => {
    const bytes = unloaded('.altinstructions', ((1n << 64n) / 14n) * 14n, {
      extraSections: [
        { name: '.altinstructions', data: new Uint8Array(0) },
        { name: '.altinstr_replacement', flags: SHF.ALLOC, data: new Uint8Array(1) },
      ],
    });
    assert.equal(verdictLine(upload(tinyModel('4.20.4'), 'p', bytes)), 'accepted');
    assert.match(verdictLine(upload(tinyModel('4.17.7'), 'p', bytes)), /^fatal alternatives/);
  });

  it('an exception table of 2^60 entries is read far behind its start', () => {
    const bytes = unloaded('.ex_table', 1n << 63n);
    assert.match(verdictLine(upload(tinyModel('4.20.4'), 'p', bytes)), /^fatal exception-table/);
  });

  it('a million hooks in a section that is not loaded are counted, not read', () => {
    const bytes = unloaded('.livepatch.hooks.load', 8n << 33n);
    assert.equal(verdictLine(upload(tinyModel('4.17.7'), 'p', bytes)), 'accepted');
  });
});

describe('pointers', () => {
  it('a name in the first page is printed as <NULL>, one that is NULL as unknown', () => {
    const expect = Uint8Array.of(1 | (1 << 1), 0x90);
    const bytes = tinyPayload({
      functions: [plainFunction({ name: null, oldAddress: addressOf('plain_fn'), expect })],
    });
    const { verdict } = apply(loaded('4.17.7', bytes), 'p', NODEPS);
    assert.deepEqual(
      verdict.log.map(({ text }) => text),
      [
        'p: Verifying enabled expectations for all functions',
        '<NULL>: expectation failed: expected:90, actual:55',
        'p: expectations of unknown failed (rc=-22), aborting!',
      ],
    );
  });

  it('a hook section that is not loaded is no hook before 4.20, and a dangling pointer since', () => {
    const bytes = withSection(
      tinyPayload({ hooks: { preapply: ['hook'] } }),
      '.livepatch.hooks.preapply',
      { flags: 0n },
    );
    assert.equal(verdictLine(apply(loaded('4.17.7', bytes), 'p', NODEPS)), 'accepted');
    assert.match(verdictLine(apply(loaded('4.20.4', bytes), 'p', NODEPS)), /^fatal patching/);
  });

  it('a load hook that is NULL is called all the same', () => {
    const bytes = tinyPayload({
      extraSections: [
        { name: '.livepatch.hooks.load', flags: SHF.ALLOC, data: new Uint8Array(8), align: 8 },
      ],
    });
    const answer = apply(loaded('4.17.7', bytes), 'p', NODEPS);
    assert.equal(verdictLine(answer), 'fatal patching: read of unmapped address 0000000000000000');
  });

  it('ids of different lengths are not compared, so one that dangles does no harm', () => {
    const dangling = (id: Uint8Array) =>
      withSection(tinyPayload({ depends: note(id) }), '.livepatch.depends', { flags: 0n });
    const short = loaded('4.20.4', dangling(idBytes(0x33, 16)));
    assert.equal(
      verdictLine(apply(short, 'p', NODEPS)),
      'refused dependency EINVAL: p: check against hypervisor build-id failed',
    );
    const long = loaded('4.20.4', dangling(idBytes(0x33, 20)));
    assert.match(verdictLine(apply(long, 'p', NODEPS)), /^fatal/);
  });
});

describe('the state inside .livepatch.funcs, 4.14 up to 4.17.2 and 4.18.0', () => {
  const claimed = (() => {
    const once = withContents(tinyPayload(), '.livepatch.funcs', 64, 1, 1n);
    return withContents(once, '.livepatch.funcs', 33, 8, 0x1122334455667788n);
  })();

  it('an entry that claims to be applied is skipped by APPLY', () => {
    for (const release of ['4.14.0', '4.17.2', '4.18.0']) {
      const before = loaded(release, claimed);
      const { model, verdict } = apply(before, 'p', NODEPS);
      assert.deepEqual(
        verdict.log.filter(({ level }) => level === 'warning').map(({ text }) => text),
        ['common_livepatch_apply: plain_fn has been already applied before'],
      );
      const site = addressOf('plain_fn');
      assert.deepEqual(model.memory.read(site, 5), before.memory.read(site, 5));
    }
  });

  it('and REVERT writes what the file has for its old bytes', () => {
    const applied = apply(loaded('4.17.2', claimed), 'p', NODEPS).model;
    const { model } = revert(applied, 'p');
    const bytes = model.memory.read(addressOf('plain_fn'), 5);
    assert.deepEqual(Uint8Array.from(bytes), hexBytes('88 77 66 55 44'));
  });

  it('is not there since 4.17.3', () => {
    const { model } = apply(loaded('4.17.7', claimed), 'p', NODEPS);
    assert.equal(model.memory.u8(addressOf('plain_fn')), 0xe9);
  });

  it('needs a writable section between 4.17.1 and 4.17.2', () => {
    const bytes = withSection(tinyPayload(), '.livepatch.funcs', { flags: SHF.ALLOC });
    const answers = ['4.16.3', '4.16.4', '4.17.0', '4.17.2', '4.17.3', '4.18.0'].map(
      (release) => apply(loaded(release, bytes), 'p', NODEPS).verdict.outcome.outcome,
    );
    assert.deepEqual(answers, ['accepted', 'fatal', 'accepted', 'fatal', 'accepted', 'fatal']);
  });
});
