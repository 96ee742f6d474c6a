import type { Finding } from '../findings/index.js';
import { idAt, type Model, type ModelPayload } from '../verify/index.js';
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
  const applied = model.payloads.filter(
    (other) =>
      other !== payload &&
      other.state === 'APPLIED' &&
      !(payload.state === 'APPLIED' && isAbove(model, other, payload)),
  );
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

function isAbove({ applied }: Model, upper: ModelPayload, lower: ModelPayload): boolean {
  return applied.indexOf(upper.name) > applied.indexOf(lower.name);
}

/** The loaded payloads that this one builds on, by their ids. */
export function ancestorsOf(model: Model, payload: ModelPayload): ReadonlySet<ModelPayload> {
  const byId = new Map<string, ModelPayload>();
  for (const other of model.payloads) {
    const id = idAt(model.memory, other.buildId);
    if (id !== null && !byId.has(id)) byId.set(id, other);
  }
  const parentOf = ({ depends }: ModelPayload) => byId.get(idAt(model.memory, depends) ?? 'none');
  const found = new Set<ModelPayload>();
  // Each turn adds one of the payloads.
  for (let parent = parentOf(payload); parent; parent = parentOf(parent)) {
    if (parent === payload || found.has(parent)) break;
    found.add(parent);
  }
  return found;
}
