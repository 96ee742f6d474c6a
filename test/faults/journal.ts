import { join } from 'node:path';
import { localFolder } from '../../core/files/index.js';
import { Journal, type JournalContents, type JournalEntry } from '../../core/store/index.js';
import type { Prepared } from './prepare.js';
import type { Run } from './program.js';
import type { Fault } from './trial.js';
import type { Truth } from './truth.js';

/** What is loaded, by names: `applied,…|loaded,…`. */
interface Loaded {
  readonly applied: readonly string[];
  readonly loaded: readonly string[];
}

const wrong = (what: string): Fault => ({ wrong: 'wrong state', what });

/**
 * Whether the journal tells what was done: each step that is done stands in it, and none twice. Who said that it could not
 * be written is believed.
 */
export async function judgeJournal(
  { scenario, base, before }: Prepared,
  state: string,
  now: Truth,
  { stdout, stderr }: Pick<Run, 'stdout' | 'stderr'>,
): Promise<readonly Fault[]> {
  if (!scenario.hasPlan || /journal[^\n]*cannot be written/.test(stdout + stderr)) return [];
  const { entries, damaged } = await journalIn(state);
  const faults = damaged.map(() => wrong('a line of the journal is not what was written'));
  const earlier = (await journalIn(base)).entries.at(-1)?.number ?? 0;
  const fresh = entries.filter(({ number }) => number > earlier);
  if (fresh.length === 0 && now.print !== before.print) {
    faults.push(wrong('something was done, and the journal has nothing of it'));
  }
  for (const entry of fresh) faults.push(...judgeEntry(entry, entry === fresh.at(-1) ? now : null));
  return faults;
}

function journalIn(state: string): Promise<JournalContents> {
  return new Journal(localFolder(join(state, 'memory', 'host'))).read();
}

/** `now` is what is there after it; null where that is not known. */
function judgeEntry({ begin, steps }: JournalEntry, now: Truth | null): readonly Fault[] {
  const names = (places: readonly { readonly name: string }[]) => places.map(({ name }) => name);
  const { applied, others } = begin.before;
  const first: Loaded = { applied: names(applied), loaded: [...names(applied), ...names(others)] };
  let possible = new Map([[textOf(first), first]]);
  const done: string[] = [];
  for (const { intent, outcome } of steps) {
    const { action, name } = intent.step;
    const after = [...possible.values()].map((one) => afterStep(one, action, name));
    // A step that failed, or of which nobody heard, may have been done.
    const unsure = outcome?.status === 'done' ? [] : [...possible.values()];
    possible = new Map([...unsure, ...after].map((one) => [textOf(one), one]));
    if (outcome?.status === 'done') done.push(`${action} ${name} ${intent.isTakenBack}`);
  }
  const faults: Fault[] = [];
  if (new Set(done).size < done.length) faults.push(wrong('a step was done twice'));
  if (now === null) return faults;
  const loaded = now.loaded.map((line) => line.replace(/ [A-Z]+$/, ''));
  const isTold = possible.has(textOf({ applied: now.applied, loaded }));
  return isTold ? faults : [...faults, wrong('the journal does not tell how it came to this')];
}

function afterStep({ applied, loaded }: Loaded, action: string, name: string): Loaded {
  const without = (all: readonly string[]) => all.filter((one) => one !== name);
  switch (action) {
    case 'upload':
      return { applied, loaded: [...without(loaded), name] };
    case 'apply':
      return { applied: [...without(applied), name], loaded };
    case 'revert':
      return { applied: without(applied), loaded };
    case 'replace':
      return { applied: [name], loaded };
    case 'unload':
      return { applied, loaded: without(loaded) };
    default:
      return { applied, loaded };
  }
}

function textOf({ applied, loaded }: Loaded): string {
  return `${applied.join()}|${[...loaded].sort().join()}`;
}
