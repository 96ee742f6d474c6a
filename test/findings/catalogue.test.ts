import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as catalogue from '../../core/findings/catalogue/index.js';
import {
  CATALOGUE,
  explain,
  explained,
  STAGES,
  type StageEntry,
  XspliceError,
} from '../../core/findings/index.js';
import { KNOWN_MINORS, rulesFor } from '../../core/verify/index.js';
import { repositoryRoot } from '../support/repository.js';

const AREAS = [...catalogue.AREAS.map(([, area]) => area), STAGES];
const ENTRIES: readonly (readonly [string, StageEntry])[] = [
  ...Object.entries(CATALOGUE),
  ...Object.entries(STAGES),
];

/** The text of all sources that may raise a code: core and cli without the catalogue itself. */
function sources(): string {
  const root = repositoryRoot();
  return ['core', 'cli']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts') && !path.startsWith('findings/catalogue/'))
        .map((path) => readFileSync(join(root, folder, path), 'utf8')),
    )
    .join('\n');
}

describe('the catalogue of codes', () => {
  it('has each code and each stage in one area only, so that no entry hides another', () => {
    const names = AREAS.flatMap((area) => Object.keys(area));
    assert.deepEqual([...new Set(names)].sort(), [...names].sort());
    assert.equal(names.length, ENTRIES.length);
  });

  it('has no entry that nothing raises', () => {
    // A literal that is compared, or is the word of a result, raises nothing.
    const text = sources().replace(/(?:[!=]==|outcome:|status:|stage:|case) '[a-z-]+'/g, '');
    const dead = Object.keys(CATALOGUE).filter((code) => !text.includes(`'${code}'`));
    assert.deepEqual(dead, []);
  });

  it('says each mending once: no raiser repeats the words of its entry', () => {
    const text = sources().replaceAll("\\'", "'");
    const repeated = ENTRIES.filter(
      ([, { mend }]) => text.includes(`'${mend}'`) || text.includes(`"${mend}"`),
    );
    assert.deepEqual(
      repeated.map(([name, { mend }]) => `${name}: ${mend}`),
      [],
    );
  });

  it('has titles of a few words, each once', () => {
    const titles = ENTRIES.map(([, { title }]) => title);
    assert.deepEqual(
      titles.filter((title, place) => titles.indexOf(title) !== place),
      [],
    );
    for (const title of titles) assert.match(title, /^[A-Z].{2,39}[^.]$/);
  });

  it('says what, where, since when and how to mend, in sentences', () => {
    for (const [name, { what, where, since, mend }] of ENTRIES) {
      for (const text of [what, since ?? 'All.', mend]) {
        // Words of a command line stay as they are typed.
        const sentence = text.replace(/^xsplice-ts/, 'X');
        assert.match(sentence, /^[A-Z0-9.R"'].*(?:[.?]|: .+)$/s, `${name}: ${text}`);
        assert.doesNotMatch(text, / {2}|\n/, name);
      }
      for (const place of where) {
        assert.match(place, /^[\w, ().]+(\([\w/.]+\))?$|^arch\/[\w/.]+$/, `${name}: ${place}`);
      }
      // Where Xen looks at something, it is known since when.
      if (where.length > 0) assert.ok(since !== undefined, name);
    }
  });

  it('has names in kebab-case', () => {
    for (const [name] of ENTRIES) assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
  });
});

describe('explain', () => {
  it('knows every stage of every release', () => {
    for (let minor = KNOWN_MINORS.first; minor <= KNOWN_MINORS.last; minor++) {
      for (const stage of rulesFor({ major: 4, minor, patch: null }).stages) {
        assert.ok(explain(stage), stage);
      }
    }
  });

  it('knows nothing of other names', () => {
    assert.equal(explain('toString'), null);
    assert.equal(explain(''), null);
  });

  it('gives hazards and chain findings', () => {
    assert.match(explain('nop-splits-instruction')?.mend ?? '', /objdump/);
    assert.match(explain('fork')?.what ?? '', /same parent/);
  });

  it('explains a finding by its stage, else by its code', () => {
    const base = { severity: 'error', message: 'no' } as const;
    const [byStage, byCode] = explained([
      { ...base, code: 'would-be-refused', stage: 'metadata' },
      { ...base, code: 'several-cumulative' },
    ]);
    assert.deepEqual(byStage?.explanation, explain('metadata'));
    assert.match(byCode?.explanation?.what ?? '', /one holds the fixes of the other/);
  });
});

describe('an error', () => {
  it('ends a command with the exit code of its code', () => {
    const codes = (['usage', 'bad-host', 'busy', 'state-locked', 'refused'] as const).map(
      (code) => new XspliceError(code, 'no').exitCode,
    );
    assert.deepEqual(codes, [64, 64, 2, 2, 1]);
  });

  it('says what its entry says to do, where it is told nothing else', () => {
    assert.equal(new XspliceError('busy', 'no').hint, CATALOGUE.busy.mend);
    assert.equal(new XspliceError('busy', 'no', { hint: 'Wait.' }).hint, 'Wait.');
  });
});
