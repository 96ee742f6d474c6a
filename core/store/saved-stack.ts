import { type BuildId, parseBuildId } from '../abi/ids.js';
import { nameText } from '../abi/payload-name.js';
import {
  type Codec,
  integer,
  type KeptFolder,
  listOf,
  objectOf,
  oneOf,
  orNull,
  text,
} from '../files/index.js';
import { XspliceError } from '../findings/index.js';
import type { JournalEntry } from './journal.js';
import type { JournalStep, Place } from './journal-record.js';
import { isSamePlace, loadedState } from './loaded-state.js';
import { isOfThisBoot, type Present } from './past.js';
import type { PayloadStore } from './payload-store.js';
import { damaged, reading, readVersioned, writeVersioned } from './store-format.js';
import { buildId, digest } from './stored-payload.js';

const FOLDER = 'saved';
const FORMAT_VERSION = 1;

/** A payload that is wanted on the stack. */
export interface SavedPayload extends Place {
  readonly sha256: string;
  /** What has to fit before it is applied again: the same as when it was applied. */
  readonly guard: NonNullable<JournalStep['guard']>;
}

/** The stack that is wanted after a boot of one build of the hypervisor. */
export interface SavedStack {
  readonly at: string;
  readonly hypervisor: BuildId;
  /** The last entry of the journal when it was saved; 0 where there was none. */
  readonly entry: number;
  /** Base first. */
  readonly stack: readonly SavedPayload[];
  /** Dangers that were let pass, and are again. */
  readonly accepted: readonly { readonly code: string; readonly payload: string | null }[];
}

const savedStack: Codec<SavedStack> = objectOf<SavedStack>({
  ...{ at: text, hypervisor: buildId, entry: integer },
  stack: listOf(
    objectOf<SavedPayload>({
      ...{ name: text, buildId: orNull(buildId), depends: orNull(buildId), sha256: digest },
      guard: oneOf('build-id', 'old-code', 'both', 'nodeps'),
    }),
  ),
  accepted: listOf(
    objectOf<{ code: string; payload: string | null }>({ code: text, payload: orNull(text) }),
  ),
});

/** Keeps what is wanted after a boot. Fails with `store-not-writable`, `store-too-new`. */
export async function writeSaved(folder: KeptFolder, saved: SavedStack): Promise<void> {
  const name = fileFor(saved.hypervisor);
  await writeVersioned(folder, name, FORMAT_VERSION, savedStack, saved);
}

/** Null where nothing is saved for this build. Fails with `store-damaged`, `store-too-new`, `store-not-readable`. */
export async function readSaved(folder: KeptFolder, of: BuildId): Promise<SavedStack | null> {
  const name = fileFor(of);
  const saved = await readVersioned(folder, name, FORMAT_VERSION, savedStack);
  if (saved === null || saved.hypervisor === of) return saved;
  throw damaged(folder, `in ${name}, hypervisor is ${saved.hypervisor}`);
}

function fileFor(hypervisor: BuildId): string {
  return `${FOLDER}/${hypervisor}.json`;
}

/** Digests of the payloads that are saved, for whatever build. Fails as {@link readSaved} does. */
export async function savedDigests(folder: KeptFolder): Promise<readonly string[]> {
  const names = await reading(folder, FOLDER, () => folder.list(FOLDER));
  const ids = names.flatMap((name) => parseBuildId(name.replace(/\.json$/, '')) ?? []);
  const all = await Promise.all(ids.map((id) => readSaved(folder, id)));
  return all.flatMap((saved) => saved?.stack.map(({ sha256 }) => sha256) ?? []);
}

/**
 * What is applied now, as it can be brought back: with the file of each, the guard that let it pass, and the dangers
 * that were let pass. Fails with `save-lacks-payload`, and with `save-mixed-guards` where one guard does not do for all.
 */
export async function stackToSave(
  store: PayloadStore,
  entries: readonly JournalEntry[],
  present: Present,
  hypervisor: BuildId,
): Promise<SavedStack> {
  const own = entries.filter((entry) => isOfThisBoot(entry, present));
  const kept = await store.list();
  const { applied } = loadedState(present.snapshot);
  const found = applied.map((one) => {
    const entry = own.findLast(({ begin }) => begin.steps.some((step) => applies(step, one)));
    const step = entry?.begin.steps.findLast((candidate) => applies(candidate, one));
    const file = kept.find(
      (payload) => payload.buildId !== null && payload.buildId === one.buildId,
    );
    return { one, entry, guard: step?.guard ?? 'build-id', sha256: file?.sha256 ?? null };
  });
  const missing = found
    .filter(({ sha256 }) => sha256 === null)
    .map(({ one }) => nameText(one.name));
  if (missing.length > 0) {
    throw new XspliceError(
      'save-lacks-payload',
      `${missing.join(', ')} cannot be brought back after a boot: the store ${store.path} lacks the file`,
    );
  }
  const guards = [...new Set(found.map(({ guard }) => guard))];
  if (guards.length > 1) {
    throw new XspliceError(
      'save-mixed-guards',
      `What is applied was let pass by different guards (${guards.join(', ')}), and is brought back by one`,
    );
  }
  const accepted = found.flatMap(({ entry }) => entry?.begin.accepted ?? []);
  return {
    at: new Date().toISOString(),
    hypervisor,
    entry: entries.at(-1)?.number ?? 0,
    stack: found.flatMap(({ one, guard, sha256 }) =>
      sha256 === null ? [] : [{ ...one, sha256, guard }],
    ),
    accepted: accepted.filter((each, index) => {
      const text = JSON.stringify(each);
      return accepted.findIndex((other) => JSON.stringify(other) === text) === index;
    }),
  };
}

/**
 * The payload of a saved stack at which an earlier restore ended without a word, so that it is not tried again: the host
 * may have died of it. Null where there is none, or the stack was saved anew since.
 */
export function untriedAgain(
  saved: SavedStack,
  entries: readonly JournalEntry[],
  bootId: string | null,
): SavedPayload | null {
  const suspects = entries
    .filter(
      ({ number, begin, end }) => number > saved.entry && begin.verb === 'restore' && end === null,
    )
    .filter(({ begin }) => begin.hypervisor === saved.hypervisor)
    // Where the hypervisor still runs, only the process died.
    .filter(({ begin }) => bootId === null || begin.bootId !== bootId)
    .flatMap(({ steps }) => steps.at(-1)?.intent.step ?? []);
  return saved.stack.find((one) => suspects.some((step) => isSamePlace(one, step))) ?? null;
}

function applies({ action, ...step }: JournalStep, one: Place): boolean {
  return (action === 'apply' || action === 'replace') && isSamePlace(step, one);
}
