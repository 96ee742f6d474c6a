import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { XEN_ERRNO } from '../../core/abi/errno.js';
import { explain } from '../../core/findings/index.js';
import { hintFor, type Outcome } from '../../core/verify/index.js';

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
