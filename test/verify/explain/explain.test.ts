import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { XEN_ERRNO } from '../../../core/abi/errno.js';
import { explain, explainedCodes, hintFor } from '../../../core/verify/explain/index.js';
import { KNOWN_MINORS, type Outcome, rulesFor } from '../../../core/verify/index.js';

describe('explain', () => {
  it('knows every stage of every release', () => {
    for (let minor = KNOWN_MINORS.first; minor <= KNOWN_MINORS.last; minor++) {
      for (const stage of rulesFor({ major: 4, minor, patch: null }).stages) {
        assert.ok(explain(stage), stage);
      }
    }
  });

  it('says what, where, since when and how to mend, in sentences', () => {
    for (const code of explainedCodes()) {
      const explanation = explain(code);
      assert.ok(explanation, code);
      const { what, where, since, mend } = explanation;
      for (const text of [what, since, mend]) {
        assert.match(text, /^[A-Z0-9.R"'].*\.$/s, `${code}: ${text}`);
        assert.doesNotMatch(text, / {2}|\n/, code);
      }
      for (const place of where) {
        assert.match(place, /^[\w, ().]+(\([\w/.]+\))?$|^arch\/[\w/.]+$/, `${code}: ${place}`);
      }
    }
  });

  it('has no code twice, so that no explanation hides another', () => {
    const codes = explainedCodes();
    // 31 stages, 20 hazards, 17 findings.
    assert.equal(codes.length, 69);
  });

  it('knows nothing of other codes', () => {
    assert.equal(explain('toString'), null);
    assert.equal(explain(''), null);
  });

  it('gives hazards and chain findings', () => {
    assert.match(explain('nop-splits-instruction')?.mend ?? '', /objdump/);
    assert.match(explain('fork')?.what ?? '', /same parent/);
  });
});

describe('hintFor', () => {
  const refused = (stage: 'functions' | 'own-build-id' | 'metadata', errno: number): Outcome => ({
    outcome: 'refused',
    stage,
    errno,
  });
  it('goes by the stage and the errno', () => {
    const hints = [
      hintFor(refused('functions', XEN_ERRNO.ENOENT)),
      hintFor(refused('functions', XEN_ERRNO.EOVERFLOW)),
      hintFor(refused('own-build-id', XEN_ERRNO.EEXIST)),
    ];
    assert.match(hints[0] ?? '', /no function of this name/);
    assert.match(hints[1] ?? '', /2 GiB/);
    assert.match(hints[2] ?? '', /another name/);
  });
  it('falls back to how the stage is mended', () => {
    assert.equal(hintFor(refused('metadata', XEN_ERRNO.EINVAL)), explain('metadata')?.mend);
    assert.equal(hintFor(refused('functions', XEN_ERRNO.EINVAL)), explain('functions')?.mend);
  });
  it('warns of fatal ones, and has nothing to say about accepted ones', () => {
    const fatal = hintFor({ outcome: 'fatal', stage: 'metadata', cause: 'read' });
    assert.equal(fatal, `Do not upload it anywhere. ${explain('metadata')?.mend}`);
    assert.equal(hintFor({ outcome: 'accepted' }), null);
  });
});
