import { formatRc } from '../../core/abi/errno.js';
import { type BuildId, shortId } from '../../core/abi/ids.js';
import { nameText } from '../../core/abi/payload-name.js';
import { type LoadedPayload, type Snapshot, stackOf } from '../../core/hypervisor/index.js';
import { escapeName } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';
import { renderHost } from './plan.js';

/** Most functions and metadata named in a row. */
const NAMED = 3;

/**
 * The stack from its top down to the hypervisor, then what is loaded and not applied. `stale` are the
 * names of those that have to be uploaded anew before they can be applied.
 */
export function renderList(
  spec: string,
  snapshot: Snapshot,
  stale: ReadonlySet<string>,
  style: Style,
  verbose: boolean,
): string {
  const id = (value: BuildId | null) => (value === null ? '?' : verbose ? value : shortId(value));
  const row = (payload: LoadedPayload): readonly (string | Cell)[] => [
    { text: payload.position === null ? '' : String(payload.position), paint: style.dim },
    { text: escapeName(payload.name), paint: style.bold },
    stateText(payload, stale),
    id(payload.buildId),
    parentText(payload, snapshot, id),
    few(payload.functions ?? ['?'], verbose),
    few(payload.metadata, verbose),
  ];
  const heading = ['#', 'NAME', 'STATE', 'BUILD-ID', 'PARENT', 'REPLACES', 'METADATA'].map(
    (text): Cell => ({ text, paint: style.dim }),
  );
  const stack = [...stackOf(snapshot)].reverse();
  const others = snapshot.payloads.filter(({ state }) => state !== 'APPLIED');
  const { buildId, version } = snapshot.hypervisor;
  const base: readonly (string | Cell)[] = [
    { text: '0', paint: style.dim },
    { text: 'the hypervisor', paint: style.bold },
    `Xen ${version}`,
    buildId === null ? 'none' : id(buildId),
  ];
  const lines = [
    renderHost(spec, snapshot, style, verbose),
    renderTable([heading, ...stack.map(row), base], style, { titles: 2 }),
  ];
  if (stack.length === 0) lines.push('Nothing is applied.');
  if (others.length > 0) {
    lines.push(
      style.bold('Loaded, not applied'),
      renderTable([heading, ...others.map(row)], style, { titles: 2 }),
    );
  }
  if (stale.size > 0) {
    lines.push(
      'Reverted ones with data of their own cannot be applied as they are: apply FILE uploads them anew.',
    );
  }
  return lines.join('\n');
}

/** The same for programs: the fields that the CLI contract names, and more. */
export function listFields(
  spec: string,
  { hypervisor, payloads }: Snapshot,
  stale: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  return {
    ok: true,
    host: spec,
    hypervisor: { buildId: hypervisor.buildId, version: hypervisor.version },
    payloads: payloads.map((payload) => ({
      name: nameText(payload.name),
      state: payload.state,
      rc: payload.rc,
      buildId: payload.buildId,
      depends: payload.depends,
      position: payload.position,
      functions: payload.functions,
      metadata: payload.metadata.map(nameText),
      reverted: payload.reverted,
      needsUpload: stale.has(payload.name),
    })),
  };
}

function stateText(
  { name, state, rc, reverted }: LoadedPayload,
  stale: ReadonlySet<string>,
): string {
  const answer = rc === 0 ? '' : `, rc ${formatRc(rc)}`;
  if (stale.has(name)) return `${state}${answer}, reverted: needs upload`;
  return reverted === true && state === 'CHECKED'
    ? `${state}${answer}, reverted`
    : `${state}${answer}`;
}

/** The name of the payload it builds on where that is loaded, else its id. */
function parentText(
  { depends }: LoadedPayload,
  { hypervisor, payloads }: Snapshot,
  id: (value: BuildId) => string,
): string {
  if (depends === null) return '?';
  if (depends === hypervisor.buildId) return 'the hypervisor';
  const parent = payloads.find((payload) => payload.buildId === depends);
  return parent === undefined ? id(depends) : escapeName(parent.name);
}

function few(texts: readonly string[], verbose: boolean): string {
  const shown = (verbose ? texts : texts.slice(0, NAMED)).map(escapeName).join(', ');
  return texts.length > NAMED && !verbose ? `${shown}, … (${texts.length})` : shown;
}
