import type { HostMachine } from '../machine.js';

/** What an agent writes when it carries out its last will; a boot begins anew. */
export const WILL_RECORD = '/run/xsplice-ts/will/done';

/** What an agent did when nobody told it any more what to do. Its texts are untrusted. */
export interface WillRecord {
  /** The change that was to be taken back, and when it began; null where that cannot be read. */
  readonly verb: string | null;
  readonly since: string | null;
  /** Why it began. */
  readonly why: string;
  /** When, as text. */
  readonly at: string;
  /** `going on`: it has not ended, or was killed. */
  readonly end: 'done' | 'stopped' | 'going on';
  /** The last thing that it did. */
  readonly last: string;
}

/** More an agent does not write. */
const MOST_BYTES = 64 * 1024;
/** A text of it that is shown is no longer than that. */
const MOST_SHOWN = 200;
const LINE = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (.*)$/;
const BEGINS = 'begins: ';
const ENDS = 'ends: ';

/** Null where no agent has done anything since the last change. */
export async function readWillRecord(machine: HostMachine): Promise<WillRecord | null> {
  const bytes = await machine.noted(WILL_RECORD);
  return bytes === null
    ? null
    : parseWillRecord(Buffer.from(bytes).toString('utf8', 0, MOST_BYTES));
}

/** Null where this is no such record. */
export function parseWillRecord(text: string): WillRecord | null {
  const [note = '', ...rest] = text.split('\n');
  const lines = rest.flatMap((line) => {
    const [, at = '', words = ''] = LINE.exec(line) ?? [];
    return at === '' ? [] : [{ at, words }];
  });
  const begins = lines.find(({ words }) => words.startsWith(BEGINS));
  if (begins === undefined) return null;
  const end = lines.find(({ words }) => words.startsWith(ENDS))?.words.slice(ENDS.length);
  const done = lines.filter(({ words }) => !words.startsWith(ENDS) && !words.startsWith(BEGINS));
  return {
    ...noteOf(note),
    why: shown(begins.words.slice(BEGINS.length)),
    at: begins.at,
    end: end === undefined ? 'going on' : end === 'done' ? 'done' : 'stopped',
    last: shown(done.at(-1)?.words ?? 'nothing'),
  };
}

function shown(text: string): string {
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
}

function noteOf(text: string): Pick<WillRecord, 'verb' | 'since'> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return { verb: null, since: null };
    const { verb, since } = value as Readonly<Record<string, unknown>>;
    const textOf = (one: unknown) => (typeof one === 'string' ? shown(one) : null);
    return { verb: textOf(verb), since: textOf(since) };
  } catch {
    return { verb: null, since: null };
  }
}
