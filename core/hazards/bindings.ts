import type { Finding } from '../findings/index.js';
import { definesNew, type ModelPayload } from '../verify/index.js';
import { ancestorsOf } from './overlaps.js';
import { hazard, type Subject } from './subject.js';

/**
 * Which object a name means. Xen looks a name up in its own table, then in the new symbols of all loaded
 * payloads in the order of upload (livepatch_elf_resolve_symbols, resolve_old_address), applied or not,
 * related or not, and keeps no count of who uses whom.
 */
export function checkBindings(subject: Subject): readonly Finding[] {
  const { context, sites } = subject;
  const functions = sites.flatMap(({ symbol }) => symbol ?? []);
  const names = new Set([...(context.imports ?? []), ...functions]);
  let known: ReadonlySet<ModelPayload> | null = null;
  const ancestors = () => {
    known ??= ancestorsOf(subject.model, subject.payload);
    return known;
  };
  return [...names].flatMap((name) => [
    ...checkAmbiguous(subject, name),
    ...checkStranger(subject, name, ancestors),
  ]);
}

/** Only builds without ENFORCE_UNIQUE_SYMBOLS have such names. */
function checkAmbiguous(subject: Subject, name: string): readonly Finding[] {
  const { symbols } = subject.context;
  if (!symbols) return [];
  const all = symbols.addressesOf(name);
  if (all.length < 2) return [];
  return [
    hazard(
      subject,
      'ambiguous-symbol',
      `uses ${name}, of which this Xen has ${all.length}: it gets the one at 0x${(symbols.lookup(name) ?? 0n).toString(16)}, which may not be the one that was meant`,
      {
        symbol: name,
      },
    ),
  ];
}

function checkStranger(
  subject: Subject,
  name: string,
  ancestors: () => ReadonlySet<ModelPayload>,
): readonly Finding[] {
  const { model, payload } = subject;
  // What is not known to be Xen's is looked for among payloads: none of these may have a name of Xen's.
  if (model.symbols.isAssumed !== true && model.symbols.lookup(name) !== null) return [];
  const owner = exporterOf(subject, name);
  if (!owner || owner === payload || ancestors().has(owner)) return [];
  return [
    hazard(
      subject,
      'bound-to-stranger',
      `uses ${name} of ${JSON.stringify(owner.name)}, which it does not build on: Xen lets that one be unloaded, and the link then leads nowhere`,
      {
        symbol: name,
      },
    ),
  ];
}

function exporterOf({ model, payload }: Subject, name: string): ModelPayload | undefined {
  const position = model.payloads.indexOf(payload);
  return model.payloads.slice(0, position).find((other) => definesNew(other, name));
}
