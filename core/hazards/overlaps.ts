import type { Finding } from '../findings/index.js';
import { idAt, type Model, type ModelPayload, payloadsById } from '../verify/index.js';
import { isOneChain } from './applied.js';
import { indexSites } from './site-index.js';
import { hazard, type Subject, sitesOf } from './subject.js';

/**
 * Two patches of the same bytes. Xen saves what it finds (arch_livepatch_apply) and puts it back, top
 * first: inside one payload the first entry's jump is overwritten by the second, but they are reverted
 * in the same order as they were applied, so that the second one's saved bytes, a jump, stay behind.
 */
export function checkOverlaps(subject: Subject): readonly Finding[] {
  const { model, payload, sites } = subject;
  const found: Finding[] = [];
  const before = indexSites();
  for (const site of sites) {
    const earlier = before.overlapping(site);
    before.add(site);
    if (!earlier) continue;
    found.push(
      hazard(
        subject,
        'function-patched-twice',
        `patches ${site.name} and ${earlier.name} at the same bytes: after a revert a jump into the payload stays there`,
        { symbol: site.name },
      ),
    );
  }
  // REPLACE reverts everything that is applied before it patches.
  if (subject.context.intent === 'replace' || subject.context.isCodeCompared === true) return found;
  if (isOneChain(model, payload)) return found;
  const above = new Set(model.applied.slice(model.applied.indexOf(payload.name) + 1));
  const isBelow = (other: ModelPayload) =>
    other !== payload &&
    other.state === 'APPLIED' &&
    !(payload.state === 'APPLIED' && above.has(other.name));
  const applied = model.payloads.filter(isBelow);
  if (applied.length === 0) return found;
  const ancestors = ancestorsOf(model, payload);
  for (const other of applied) {
    if (ancestors.has(other)) continue;
    const theirs = indexSites(sitesOf(model, other));
    for (const site of sites) {
      if (!theirs.overlapping(site)) continue;
      found.push(
        hazard(
          subject,
          'patched-by-other',
          `patches ${site.name}, which ${JSON.stringify(other.name)} patches too and which it does not build on: its fix is lost`,
          {
            symbol: site.name,
          },
        ),
      );
    }
  }
  return found;
}

/** The loaded payloads that this one builds on, by their ids. */
export function ancestorsOf(model: Model, payload: ModelPayload): ReadonlySet<ModelPayload> {
  const { first } = payloadsById(model);
  const parentOf = ({ depends }: ModelPayload) => {
    const id = idAt(model.memory, depends);
    return id === null ? undefined : first.get(id);
  };
  const found = new Set<ModelPayload>();
  // Each turn adds one of the payloads.
  for (let parent = parentOf(payload); parent; parent = parentOf(parent)) {
    if (parent === payload || found.has(parent)) break;
    found.add(parent);
  }
  return found;
}
