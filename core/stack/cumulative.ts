import type { ChainMember } from '../payload/index.js';

/** Most functions that one sentence names. */
const NAMED_FUNCTIONS = 4;

/** XenServer's names: `lp_FROM-TO` holds all fixes between two builds. */
const XENSERVER = /^lp_[^-]+-./;

/** True where a payload says by its name that it holds all fixes. */
export function isNamedCumulative({ name }: Pick<ChainMember, 'name'>): boolean {
  return XENSERVER.test(name);
}

/** True where one of each two payloads holds the fixes of the other, as far as that can be told. */
export function areAlternatives(members: readonly ChainMember[]): boolean {
  // One that holds the fixes of the next smaller one holds those of all smaller ones.
  const bySize = members
    .filter((member) => !isNamedCumulative(member))
    .sort((a, b) => new Set(a.functions).size - new Set(b.functions).size);
  return bySize.slice(1).every((one, index) => {
    const smaller = bySize[index];
    return (
      smaller !== undefined &&
      smaller.functions.length > 0 &&
      functionsLost([smaller], one).length === 0
    );
  });
}

/** Functions that the one payload leaves as the hypervisor has them, and that the others replace. */
export function functionsLost(
  others: readonly { readonly functions: readonly string[] | null }[],
  { functions }: { readonly functions: readonly string[] },
): readonly string[] {
  const own = new Set(functions);
  return [...new Set(others.flatMap((other) => other.functions ?? []))].filter(
    (name) => !own.has(name),
  );
}

/** `a, b, c, d and 3 more`. */
export function functionsText(names: readonly string[]): string {
  const more = names.length - NAMED_FUNCTIONS;
  const shown = names.slice(0, NAMED_FUNCTIONS).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}
