import { type Snapshot, stackOf } from '../hypervisor/index.js';
import type { RunningCode } from './running.js';
import type { EffectiveCode } from './which.js';

/** An applied payload whose contents are not at hand. */
export interface HiddenPayload {
  /** Escape before printing. */
  readonly name: string;
  /** The functions that it replaces, as debug key x names them; null where they are not known. */
  readonly functions: readonly string[] | null;
  /** Names of the payloads below it. */
  readonly above: readonly string[];
}

/** Those of the stack whose contents are not at hand (`opaque`, names), base first. */
export function hiddenPayloads(
  snapshot: Snapshot,
  opaque: readonly string[],
): readonly HiddenPayload[] {
  const stack = stackOf(snapshot);
  return stack.flatMap(({ name, functions }, index) =>
    opaque.includes(name)
      ? [{ name, functions, above: stack.slice(0, index).map((below) => below.name) }]
      : [],
  );
}

/** Which hidden payload replaced a code, and which ones may have. */
export interface Hiding {
  /** The one on top of those that did; null where none is known to. */
  readonly replacedBy: string | null;
  readonly mayBeReplacedBy: readonly string[];
}

/** Whether the code that an answer takes to run was replaced by what nobody can look into. */
export function hidingOf(
  { model }: RunningCode,
  { history }: EffectiveCode,
  hidden: readonly HiddenPayload[],
): Hiding {
  const [first] = history;
  const running = history.at(-1);
  const above = hidden.filter(({ above: below }) => {
    const owner = running?.owner ?? null;
    return running !== undefined && (owner === null || below.includes(owner));
  });
  const sure = above.filter(({ functions }) =>
    functions?.some((name) => model.symbols.lookup(name) === first?.address),
  );
  const unsure = above.filter(({ functions }) => functions === null);
  return {
    replacedBy: sure.at(-1)?.name ?? null,
    mayBeReplacedBy: unsure.map(({ name }) => name),
  };
}
