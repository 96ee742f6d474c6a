import { createPrng, type Prng } from '../support/prng.js';

/** One operation on a hypervisor, in a sequence of them. */
export type Operation =
  | { readonly verb: 'upload'; readonly name: string; readonly payload: string }
  | { readonly verb: 'apply'; readonly name: string; readonly nodeps: boolean }
  | { readonly verb: 'revert' | 'unload' | 'replace'; readonly name: string };

const SHORTEST = 6;
const LONGEST = 24;
/** Of 100 operations, how many are this one. */
const WEIGHTS = [
  ['upload', 30],
  ['apply', 34],
  ['revert', 18],
  ['unload', 8],
  ['replace', 10],
] as const;
/** An unknown name, or a payload under another's name, this often in 100. */
const STRANGE = 6;

/**
 * Sequence number `index` of a seed over these payloads: mostly sensible (names of payloads that were
 * uploaded), now and then not. The same seed, index and payloads always give the same one.
 */
export function sequenceOf(
  payloads: readonly [string, ...string[]],
  seed: number,
  index: number,
): readonly Operation[] {
  const prng = createPrng((Math.imul(seed, 0x85ebca6b) ^ index) >>> 0);
  const few = pickSome(payloads, prng);
  const uploaded: string[] = [];
  const length = SHORTEST + prng.below(LONGEST - SHORTEST);
  return Array.from({ length }, (): Operation => {
    const strange = prng.below(100) < STRANGE;
    const verb = uploaded.length === 0 && !strange ? 'upload' : pickVerb(prng);
    if (verb === 'upload') {
      const payload = prng.pick(few);
      const name = strange ? prng.pick(few) : payload;
      uploaded.push(name);
      return { verb, name, payload };
    }
    const [first, ...rest] = uploaded;
    const name = strange || first === undefined ? prng.pick(payloads) : prng.pick([first, ...rest]);
    return verb === 'apply' ? { verb, name, nodeps: prng.below(4) === 0 } : { verb, name };
  });
}

function pickVerb(prng: Prng): Operation['verb'] {
  let left = prng.below(100);
  for (const [verb, weight] of WEIGHTS) {
    left -= weight;
    if (left < 0) return verb;
  }
  return 'apply';
}

/** Three to eight of them: a small set meets itself more often. */
function pickSome(
  payloads: readonly [string, ...string[]],
  prng: Prng,
): readonly [string, ...string[]] {
  const count = 2 + prng.below(6);
  const more = Array.from({ length: count }, () => prng.pick(payloads));
  return [prng.pick(payloads), ...more];
}
