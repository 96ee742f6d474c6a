import { nameText } from '../abi/payload-name.js';
import type { LoadedPayload, Snapshot } from '../hypervisor/index.js';
import { type Plan, type PlanOptions, planRevertOne, selectLoaded } from '../stack/index.js';
import { codeGraph } from './graph.js';
import type { CodeContext } from './guard.js';
import { footprintOf, overlapsOf } from './overlap.js';
import { runningCode } from './running.js';

/**
 * Plans that one payload is taken out of the stack, wherever it is. Those above it can stay where Xen
 * applies them again as they are, and they share no function, call path or variable with it: the code
 * that they were made against is then the same without it.
 *
 * Fails as {@link planRevertOne} does.
 */
export function planRevertIndependent(
  snapshot: Snapshot,
  text: string,
  options: PlanOptions,
  { disassembler, base, model }: CodeContext,
): Plan {
  const code = runningCode(base, model);
  const graph = codeGraph(disassembler, code);
  const target = selectLoaded(snapshot, text).name;
  const footprints = new Map(
    code.payloads.map((own) => [
      own.payload.name,
      { own, footprint: () => footprintOf(graph, own) },
    ]),
  );
  const removed = footprints.get(target)?.footprint();
  const whyNot = ({ name }: LoadedPayload): string | null => {
    const above = footprints.get(name);
    if (above === undefined || removed === undefined) return 'its contents are not known';
    if (!above.own.payload.safeToReapply) {
      return 'it has data of its own, and Xen applies such a payload only once';
    }
    const [overlap] = overlapsOf(above.footprint(), removed);
    if (overlap === undefined) return null;
    const other = nameText(target);
    const it = nameText(overlap.name);
    const over = overlap.path.length > 1 ? ` (${overlap.path.map(nameText).join(' → ')})` : '';
    return {
      function: `both replace ${it}`,
      'first-reaches-second': `it reaches ${it}, which ${other} replaces${over}`,
      'second-reaches-first': `it replaces ${it}, which ${other} reaches${over}`,
      variable: `both use ${it}, and one of them may change it`,
    }[overlap.kind];
  };
  return planRevertOne(snapshot, text, options, whyNot);
}
