import { HOOK_KINDS, hookSection, SECTION } from '../abi/livepatch.js';
import { changesBetween } from '../findings/index.js';

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
