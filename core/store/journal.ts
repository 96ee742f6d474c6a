import type { KeptFolder } from '../files/index.js';
import {
  type BeginRecord,
  type ClosedRecord,
  type EndRecord,
  formatRecord,
  type IntentRecord,
  type JournalRecord,
  type OutcomeRecord,
  parseRecord,
} from './journal-record.js';
import { markFormat, reading, requireKnownFormat } from './store-format.js';

const FOLDER = 'journal';
/** `000123.jsonl` begins with entry 123. */
const FILE = /^\d{6,}\.jsonl$/;
/** A file that has grown beyond this takes no further entry. The last one is read at each change, over a network too. */
const MAX_FILE_BYTES = 256 * 1024;
/** Files that are kept; the oldest goes first. */
const MAX_FILES = 20;

/** A step with what became of it. */
export interface JournalledStep {
  readonly intent: IntentRecord;
  /** Null where that is not known. */
  readonly outcome: OutcomeRecord | null;
}

/** One change: what was meant, what was done, how it ended. */
export interface JournalEntry {
  readonly number: number;
  readonly begin: BeginRecord;
  readonly steps: readonly JournalledStep[];
  /** Null where it never ended: its process was killed, or the machine lost its power. */
  readonly end: EndRecord | null;
  /** What was found later of one that never ended, or that its host took back; null where nobody looked yet. */
  readonly closed: ClosedRecord | null;
}

/** All that is in a journal, oldest first. */
export interface JournalContents {
  readonly entries: readonly JournalEntry[];
  /** Lines that are not what was written, as `FILE:LINE`. A last one that was torn off is none. */
  readonly damaged: readonly string[];
}

/**
 * The changes of one hypervisor, a record a line, each on disk before what it tells of goes on. What a loss of power
 * has torn off is the end of the last line, which the next entry mends. Who writes has the hypervisor's lock.
 *
 * Reading fails with `store-not-readable`, `store-too-new`, `folder-not-trusted`; writing throws what the system does.
 */
export class Journal {
  readonly #folder: KeptFolder;
  /** The file that is written to; null until the first entry of this process. */
  #file: string | null = null;
  #sizeBytes = 0;
  /** True where the last write may have left a part of a line. */
  #isTorn = false;
  #last = 0;
  /** The last entry, while it has not ended. */
  #unended: number | null = null;
  /** The last entry and when it began, while it is not closed. */
  #unclosed: Pick<BeginRecord, 'entry' | 'at'> | null = null;

  constructor(folder: KeptFolder) {
    this.#folder = folder;
  }

  get path(): string {
    return `${this.#folder.path}/${FOLDER}`;
  }

  async read(): Promise<JournalContents> {
    const lines: { readonly place: string; readonly text: string; readonly isLast: boolean }[] = [];
    await requireKnownFormat(this.#folder);
    const files = await this.#files();
    // All at once: the way to a host may be long.
    const contents = await Promise.all(files.map((file) => this.#text(file)));
    for (const [at, file] of files.entries()) {
      const texts = linesOf(contents[at] ?? '');
      for (const [index, text] of texts.entries()) {
        lines.push({ place: `${file}:${index + 1}`, text, isLast: index === texts.length - 1 });
      }
    }
    const records: JournalRecord[] = [];
    const damaged: string[] = [];
    for (const { place, text, isLast } of lines) {
      const record = text.endsWith('\n') ? parseRecord(text.slice(0, -1)) : null;
      if (record !== null) records.push(record);
      else if (!isLast || text.endsWith('\n')) damaged.push(place);
    }
    return { entries: entriesOf(records), damaged };
  }

  /** The last entry where it never ended, and nobody looked at what it left; null where there is none. */
  async unended(): Promise<JournalEntry | null> {
    const [files] = await Promise.all([this.#files(), requireKnownFormat(this.#folder)]);
    const file = files.at(-1);
    return file === undefined ? null : openEntry(entriesOf(recordsIn(await this.#text(file))));
  }

  /**
   * Begins an entry, and gives its number. One before it that never ended, or that the host took back which began at
   * `tookBackSince`, is closed with what is found now.
   */
  async begin(
    record: Omit<BeginRecord, 'kind' | 'entry'>,
    tookBackSince: string | null = null,
  ): Promise<number> {
    await this.#prepare();
    const entry = this.#last + 1;
    const { at, bootId, before: found } = record;
    const last = this.#unclosed;
    const isTakenBack = last !== null && tookBackSince !== null && last.at >= tookBackSince;
    const over = this.#unended ?? (isTakenBack ? last.entry : null);
    // Closed without an entry behind it, it would be lost that it never ended: whatever is torn off, that cannot be.
    const closed: readonly JournalRecord[] =
      over === null ? [] : [{ kind: 'closed', entry: over, at, bootId, found }];
    if (this.#file === null || this.#sizeBytes > MAX_FILE_BYTES) {
      this.#file = `${String(entry).padStart(6, '0')}.jsonl`;
      this.#sizeBytes = 0;
    }
    await this.write([{ kind: 'begin', entry, ...record }, ...closed]);
    this.#last = entry;
    this.#unended = entry;
    this.#unclosed = { entry, at };
    await this.#dropOld();
    return entry;
  }

  /** Adds records to the file of the last entry. */
  async write(records: readonly JournalRecord[]): Promise<void> {
    if (this.#isTorn || this.#file === null) await this.#prepare();
    const text = records.map(formatRecord).join('');
    this.#isTorn = true;
    await this.#folder.append(`${FOLDER}/${this.#file ?? '000001.jsonl'}`, text);
    this.#isTorn = false;
    this.#sizeBytes += Buffer.byteLength(text);
    if (records.some(({ kind }) => kind === 'end' || kind === 'closed')) this.#unended = null;
  }

  /** Why nothing could be written, as far as that can be told; null where nothing is known. */
  obstacle(): Promise<string | null> {
    return this.#folder.obstacle();
  }

  /** Finds the last file, removes what was torn off in it, and finds the last entry's number. */
  async #prepare(): Promise<void> {
    if (this.#file !== null && !this.#isTorn) return;
    await markFormat(this.#folder);
    const file = (await this.#files()).at(-1) ?? null;
    if (file === null) return;
    const text = await this.#text(file);
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole !== text) await this.#folder.write(`${FOLDER}/${file}`, whole);
    this.#file = file;
    this.#isTorn = false;
    this.#sizeBytes = Buffer.byteLength(whole);
    const records = recordsIn(whole);
    const numbers = records.map(({ entry }) => entry);
    const entries = entriesOf(records);
    const last = entries.at(-1);
    this.#unended = openEntry(entries)?.number ?? null;
    this.#unclosed = last?.closed === null ? last.begin : null;
    // A file in which nothing can be read still tells by its name that earlier ones are gone by.
    this.#last = Math.max(this.#last, Number.parseInt(file, 10) - 1, ...numbers);
  }

  async #dropOld(): Promise<void> {
    const files = await this.#files();
    for (const file of files.slice(0, -MAX_FILES)) await this.#folder.remove(`${FOLDER}/${file}`);
  }

  async #files(): Promise<readonly string[]> {
    const names = await reading(this.#folder, FOLDER, () => this.#folder.list(FOLDER));
    return names
      .filter((name) => FILE.test(name))
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  }

  async #text(file: string): Promise<string> {
    const name = `${FOLDER}/${file}`;
    const bytes = await reading(this.#folder, name, () => this.#folder.read(name));
    return Buffer.from(bytes ?? []).toString('utf8');
  }
}

/** The last entry where it never ended, and nobody looked at what it left; null where there is none. */
export function openEntry(entries: readonly JournalEntry[]): JournalEntry | null {
  const last = entries.at(-1);
  return last !== undefined && last.end === null && last.closed === null ? last : null;
}

function recordsIn(text: string): readonly JournalRecord[] {
  return linesOf(text).flatMap((line) => parseRecord(line.slice(0, -1)) ?? []);
}

/** Lines with their ends; the last one has none where it was torn off. */
function linesOf(text: string): readonly string[] {
  return text.split(/(?<=\n)/).filter((line) => line !== '');
}

interface Growing {
  readonly begin: BeginRecord;
  readonly steps: JournalledStep[];
  end: EndRecord | null;
  closed: ClosedRecord | null;
}

/** Records of an entry whose beginning is lost are passed over: what was meant is not known. */
function entriesOf(records: readonly JournalRecord[]): readonly JournalEntry[] {
  const entries = new Map<number, Growing>();
  for (const record of records) {
    if (record.kind === 'begin') {
      entries.set(record.entry, { begin: record, steps: [], end: null, closed: null });
      continue;
    }
    const entry = entries.get(record.entry);
    if (entry === undefined) continue;
    if (record.kind === 'intent') entry.steps.push({ intent: record, outcome: null });
    if (record.kind === 'end') entry.end = record;
    if (record.kind === 'closed') entry.closed = record;
    const last = entry.steps.at(-1);
    if (record.kind === 'outcome' && last !== undefined) {
      entry.steps[entry.steps.length - 1] = { ...last, outcome: record };
    }
  }
  return [...entries].map(([number, entry]) => ({ number, ...entry }));
}
