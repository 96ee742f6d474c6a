import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

/** What was seen in the course of applying and reverting a payload again and again. */
export interface Seen {
  readonly cycles: number;
  /** Payloads in the hypervisor's list. */
  readonly loaded: number;
  readonly rssBytes: number;
  readonly journalBytes: number;
  readonly journalFiles: number;
}

/** Twenty files of 256 KiB, and an entry that is longer than the rest of the last. */
const MAX_JOURNAL_BYTES = 6 * 1024 * 1024;
const MAX_JOURNAL_FILES = 20;
/** Beyond what node takes for itself once it has run for a while. */
const MAX_GROWTH_BYTES = 48 * 1024 * 1024;

/** True where it is looked once more: ten times in all. */
export function isToBeSeen(done: number, cycles: number): boolean {
  return done % Math.max(1, Math.floor(cycles / 10)) === 0;
}

/** Nothing may have grown but the journal, up to its bound. */
export function judgeCycles(context: TestContext, seen: readonly Seen[], elapsedMs: number): void {
  for (const one of seen) context.diagnostic(JSON.stringify(one));
  const [first, last] = [seen[0], seen.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  const grown = last.rssBytes - first.rssBytes;
  context.diagnostic(
    `${last.cycles} cycles, ${(elapsedMs / last.cycles).toFixed(0)} ms each; memory grew by ${(grown / 1024 / 1024).toFixed(1)} MiB since the first tenth`,
  );
  for (const { loaded, journalBytes, journalFiles } of seen) {
    assert.equal(loaded, 1);
    assert.ok(
      journalBytes <= MAX_JOURNAL_BYTES && journalFiles <= MAX_JOURNAL_FILES,
      `${journalBytes} bytes in ${journalFiles} files`,
    );
  }
  assert.ok(grown <= MAX_GROWTH_BYTES, 'our memory grows');
}
