import { HOOK_KINDS, hookSection, SECTION } from '../abi/livepatch.js';

const NAMES: readonly string[] = [
  SECTION.funcs,
  SECTION.depends,
  SECTION.xenDepends,
  ...HOOK_KINDS.map(hookSection),
];

/** Ours: more changes than this are another word. */
const MAX_CHANGES = 3;
/** Ours: longer names are no misspelling. */
const MAX_CHARACTERS = 64;

/**
 * The section of live patching whose name is next to this one, kpatch's words for the same things included; null
 * where none is near.
 */
export function nearestSection(name: string): string | null {
  if (name.length > MAX_CHARACTERS) return null;
  const wanted = plain(name);
  const [best] = NAMES.map((known) => ({
    known,
    changes: changesBetween(wanted, plain(known)),
  })).sort((a, b) => a.changes - b.changes);
  return best !== undefined && best.changes <= MAX_CHANGES ? best.known : null;
}

/** Letters only, with kpatch's words (callbacks, pre_patch, post_unpatch) as Xen says them. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .replace(/^\.(?:livepatch|kpatch|klp)\./, '')
    .replace(/callbacks?|hooks?/g, 'hook')
    .replace(/unpatch/g, 'revert')
    .replace(/patch/g, 'apply')
    .replace(/[^a-z]/g, '');
}

/** Letters to add, remove or replace (Levenshtein). */
function changesBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
