import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LockstepVerdict } from '../../core/lockstep/index.js';
import { repositoryRoot } from '../support/repository.js';
import { decodeFacts, encodeFacts, type PairFacts } from './facts.js';
import type { Asked } from './pair.js';

const FILE = join(repositoryRoot(), 'test', 'lockstep', 'golden', 'pairs.json');
/** Of each group, this many of every reason. */
const OF_A_KIND = 4;
const MAX_SAID = 600;

/** A pair that was tried on the real program, without its files. */
export interface Golden {
  readonly group: string;
  readonly module: string;
  readonly facts: PairFacts;
  readonly verdict: LockstepVerdict;
  /** What the program printed. */
  readonly said: string;
}

/**
 * Keeps some pairs of every kind, a line each; of groups that were not asked those that were kept before. Paths of the day
 * become those of the suites.
 */
export function writeGoldens(asked: readonly Asked[], keys: ReadonlyMap<string, string>): number {
  const counts = new Map<string, number>();
  const lines = asked.flatMap(({ pair, answer, disagreement }) => {
    const { group, module, verdict } = pair;
    const kind = `${group} ${verdict.outcome} ${verdict.reason} ${verdict.older}`;
    const count = counts.get(kind) ?? 0;
    const facts = disagreement === null && count < OF_A_KIND ? pair.facts() : null;
    if (facts === null) return [];
    counts.set(kind, count + 1);
    const { outcome, reason, by, says, expected, actual, older } = verdict;
    const golden = {
      ...{ group, module, facts: JSON.parse(encodeFacts(facts)) },
      verdict: { outcome, reason, by, says, expected, actual, older },
      said: answer.text.slice(0, MAX_SAID),
    };
    let line = JSON.stringify(golden);
    for (const [key, name] of keys) line = line.replaceAll(key, name);
    return [line];
  });
  const groups = new Set(asked.map(({ pair }) => pair.group));
  const all = [...linesOfOthers(groups), ...lines];
  writeFileSync(FILE, `[\n${all.join(',\n')}\n]\n`);
  return all.length;
}

function linesOfOthers(groups: ReadonlySet<string>): readonly string[] {
  const kept: readonly Pick<Golden, 'group'>[] = JSON.parse(readFileSync(FILE, 'utf8'));
  return kept.filter(({ group }) => !groups.has(group)).map((one) => JSON.stringify(one));
}

export function readGoldens(): readonly Golden[] {
  const goldens: readonly (Golden & { readonly facts: unknown })[] = JSON.parse(
    readFileSync(FILE, 'utf8'),
  );
  return goldens.map((golden) => ({ ...golden, facts: decodeFacts(JSON.stringify(golden.facts)) }));
}
