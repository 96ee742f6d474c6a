import { CATALOGUE, EXIT, nearest, STAGES, XspliceError } from '../../core/findings/index.js';
import type { Session } from '../session.js';
import { type Entry, entryFields, renderEntries, renderEntry } from '../views/explain.js';

/** Says what codes mean; all of them, a line each, where none is named. Fails with `unknown-code`. */
export async function run({ settings, output }: Session): Promise<number> {
  const all: readonly Entry[] = [
    ...Object.entries(CATALOGUE).map(([name, entry]) => ({ name, kind: 'code', entry }) as const),
    ...Object.entries(STAGES).map(([name, entry]) => ({ name, kind: 'stage', entry }) as const),
  ];
  const chosen = settings.words.map((word) => {
    const found = all.find(({ name }) => name === word);
    if (found === undefined) throw unknownCode(word, all);
    return found;
  });
  const { style } = output;
  output.data(
    chosen.length === 0
      ? renderEntries(all, style)
      : chosen.map((entry) => renderEntry(entry, style)).join('\n\n'),
  );
  output.document({ ok: true, entries: (chosen.length === 0 ? all : chosen).map(entryFields) });
  return EXIT.done;
}

function unknownCode(word: string, all: readonly Entry[]): XspliceError {
  const names = nearest(
    word,
    all.map(({ name }) => name),
  );
  return new XspliceError('unknown-code', `There is no code ${JSON.stringify(word)}`, {
    hint: `The nearest are ${names.join(', ')}. xsplice-ts explain lists all of them.`,
  });
}
