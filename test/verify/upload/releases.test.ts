import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { upload } from '../../../core/verify/index.js';
import { idBytes } from '../../support/payload-builder.js';
import {
  note,
  plainFunction,
  tinyModel,
  tinyPayload,
  verdictLine,
  withSection,
} from '../../support/tiny-model.js';
import { altCall, alternatives, good, RELEASES } from './cases.js';

describe('upload: what no single release table shows', () => {
  it('empty .modinfo is read 4 GiB behind its start', () => {
    for (const release of RELEASES) {
      const { verdict } = upload(
        tinyModel(release),
        'p',
        tinyPayload({ modinfo: new Uint8Array(0) }),
      );
      assert.equal(verdict.outcome.outcome, 'fatal', release);
    }
  });

  it('an alternative outside the text is refused once the ranges are checked', () => {
    const bytes = alternatives({}, { origin: 'strings' });
    const answers = RELEASES.map((release) => upload(tinyModel(release), 'p', bytes).verdict);
    assert.deepEqual(
      answers.map(({ outcome }) => outcome.outcome),
      ['accepted', 'accepted', 'accepted', 'refused', 'refused', 'refused', 'refused'],
    );
    assert.match(answers[3]?.log[0]?.text ?? '', /^p Alternative orig [0-9a-f]{16}\+0x5 outside/);
    assert.match(answers[0]?.assumptions[0] ?? '', /the CPU has no feature 0/);
    const repl = upload(tinyModel('4.17.7'), 'p', alternatives({}, { repl: 'strings' })).verdict;
    assert.match(repl.log[0]?.text ?? '', /outside \.altinstr_replacement/);
  });

  it('a call site outside the text', () => {
    const { verdict } = upload(tinyModel('4.22.0'), 'p', altCall('ff 15 00 00 00 00', 'some_data'));
    assert.match(verdict.log[0]?.text ?? '', /^p: Alternative call [0-9a-f]{16}\+0x6 outside/);
  });

  it('the same name, the same build-id, the same new symbol', () => {
    const first = upload(tinyModel('4.17.7'), 'p', good).model;
    assert.equal(verdictLine(upload(first, 'p', good)), 'refused same-name EEXIST');
    assert.equal(verdictLine(upload(first, 'q', good)), 'refused own-build-id EEXIST');
    const other = tinyPayload({ buildId: note(idBytes(0x55)) });
    assert.equal(
      verdictLine(upload(first, 'q', other)),
      'refused new-symbols EEXIST: q: duplicate new symbol: strings',
    );
  });

  it('names and sizes', () => {
    const model = tinyModel('4.17.7');
    const answers = ['', 'n'.repeat(127), 'n'.repeat(128), 'a\0b'].map((name) =>
      verdictLine(upload(model, name, good)),
    );
    const refused = 'refused name-and-size EINVAL';
    assert.deepEqual(answers, ['accepted', 'accepted', refused, refused]);
    assert.equal(verdictLine(upload(model, 'p', new Uint8Array(0))), refused);
    assert.equal(verdictLine(upload(model, 'p', new Uint8Array(2 * 1024 * 1024 + 1))), refused);
  });

  it('a hypervisor without a build-id takes nothing', () => {
    const answers = RELEASES.map((release) =>
      verdictLine(upload(tinyModel(release, { buildId: null }), 'p', good)),
    );
    const early = 'refused xen-build-id ENODATA: p: unable to get running Xen build-id: ';
    assert.deepEqual(answers, [
      ...Array.from({ length: 4 }, () => 'refused xen-build-id ENODATA'),
      `${early}-61`,
      `${early}-61`,
      `${early}0`,
    ]);
  });

  it('imports are looked up in Xen first, then in all loaded payloads', () => {
    const exporter = tinyPayload({
      extraSymbols: [{ name: 'shared', section: '.text', value: 16n }],
    });
    const importer = tinyPayload({
      buildId: note(idBytes(2)),
      functions: [plainFunction({ name: 'shared', newAddress: 'new_shared' })],
      extraSymbols: [{ name: 'shared' }],
    }).slice();
    const alone = upload(tinyModel('4.17.7'), 'b', importer);
    assert.equal(verdictLine(alone), 'refused symbol-resolution ENOENT: b: Unknown symbol: shared');
    const loaded = upload(tinyModel('4.17.7'), 'a', exporter).model;
    // Both have a symbol called strings, the second one's names are no clash only if renamed.
    assert.match(verdictLine(upload(loaded, 'b', importer)), /duplicate new symbol: strings/);
  });
});

describe('upload: 4.12 and 4.13', () => {
  const v1 = (spec = {}) => tinyPayload({ version: 1, ...spec });
  it('take payloads of version 1 and no others', () => {
    for (const release of ['4.12.4', '4.13.5']) {
      assert.equal(verdictLine(upload(tinyModel(release), 'p', v1())), 'accepted');
    }
    assert.equal(
      verdictLine(upload(tinyModel('4.13.5'), 'p', good)),
      'refused functions EINVAL: p: Wrong size 104 of .livepatch.funcs (must be multiple of 64)',
    );
  });

  it('do not look at .livepatch.xen_depends', () => {
    assert.equal(
      verdictLine(upload(tinyModel('4.13.5'), 'p', v1({ xenDepends: null }))),
      'accepted',
    );
  });

  it('need .livepatch.funcs', () => {
    const bytes = withSection(v1(), '.livepatch.funcs', { name: 1n });
    assert.equal(
      verdictLine(upload(tinyModel('4.13.5'), 'p', bytes)),
      'refused special-sections EINVAL: p: .livepatch.funcs is missing',
    );
  });

  it('a release build of 4.12 prints no reason', () => {
    const bytes = v1({ depends: null });
    const { verdict } = upload(tinyModel('4.12.4'), 'p', bytes);
    assert.deepEqual(verdict.log, []);
    assert.equal(
      verdictLine({ verdict, model: tinyModel('4.12') }),
      'refused special-sections EINVAL',
    );
  });
});
