import { formatRc } from '../../core/abi/errno.js';
import { shortId } from '../../core/abi/ids.js';
import { nameText } from '../../core/abi/payload-name.js';
import {
  isSameState,
  type JournalEntry,
  type JournalledStep,
  type LoadedState,
  type Place,
  stateAfter,
  stateText,
  type Who,
} from '../../core/store/index.js';
import { escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';

/** Changes, a row each, the last one first. */
export function renderHistory(entries: readonly JournalEntry[], style: Style): string {
  const heading = ['#', 'WHEN', 'WHO', 'CHANGE', 'CAME OF IT', 'APPLIED AFTER'];
  const rows = entries.toReversed().map((entry): readonly (string | Cell)[] => {
    const after = stateAfter(entry);
    return [
      { text: String(entry.number), paint: style.dim },
      whenText(entry.begin.at),
      whoText(entry.begin.who),
      { text: changeText(entry), paint: style.bold },
      outcomeText(entry),
      after === null ? '?' : stateText({ ...after, others: [] }),
    ];
  });
  const dim = heading.map((text): Cell => ({ text, paint: style.dim }));
  return renderTable([dim, ...rows], style, { titles: 2 });
}

/** One change in a line: `3 · apply hello · done · 2026-… by root`. */
export function entryLine(entry: JournalEntry): string {
  const { at, who } = entry.begin;
  const what = `${entry.number} · ${changeText(entry)} · ${outcomeText(entry)}`;
  return `${what} · ${whenText(at)} by ${whoText(who)}`;
}

/** All of one change. */
export function renderEntry(entry: JournalEntry, style: Style): string {
  const { begin, end, closed } = entry;
  const { hypervisor, version, tool, accepted, before, planned, bootId } = begin;
  const id = hypervisor === null ? 'none' : shortId(hypervisor);
  const after = stateAfter(entry);
  const lines: readonly (readonly [string, string])[] = [
    ['Change', `${entry.number} · ${changeText(entry)} · ${outcomeText(entry)}`],
    ['Begun', `${whenText(begin.at)} by ${whoText(begin.who)}, xsplice-ts ${tool}`],
    [
      'Ended',
      end === null
        ? closed === null
          ? 'never'
          : `never; looked at ${whenText(closed.at)}`
        : `${whenText(end.at)}${closed === null ? '' : `; looked at ${whenText(closed.at)}`}`,
    ],
    [
      'Host',
      `${begin.host} · Xen ${version}, build-id ${id}${bootId === null ? '' : `, boot ${bootId}`}`,
    ],
    ['Before', stateText(before)],
    ['Meant', stateText(planned)],
    ['After', after === null ? 'not known' : stateText(after)],
    ...(accepted.length === 0
      ? []
      : [['Accepted', accepted.map(acceptedText).join(', ')] as const]),
  ];
  const head = lines.map(([name, text]) => `${style.bold(name.padEnd(8))} ${escapeText(text)}`);
  const steps = entry.steps.map((step) => stepCells(step, style));
  const logs = entry.steps.flatMap(({ outcome }) => outcome?.log ?? []);
  return [
    ...head,
    ...(steps.length === 0 ? [] : [renderTable(steps, style, { indent: '  ' })]),
    ...(logs.length === 0
      ? []
      : [style.bold('Xen printed'), ...logs.map((line) => `  ${escapeText(line)}`)]),
  ].join('\n');
}

/** The same for programs. */
export function entryFields(entry: JournalEntry): Readonly<Record<string, unknown>> {
  const { number, begin, steps, end, closed } = entry;
  const { kind: _, entry: __, before, planned, steps: ___, at, ...about } = begin;
  const after = stateAfter(entry);
  return {
    number,
    at,
    ...about,
    state: stateOf(entry),
    endedAt: end?.at ?? null,
    closedAt: closed?.at ?? null,
    before: stateFields(before),
    planned: stateFields(planned),
    after: after === null ? null : stateFields(after),
    steps: steps.map(({ intent, outcome }) => ({
      at: intent.at,
      isTakenBack: intent.isTakenBack,
      ...intent.step,
      name: nameText(intent.step.name),
      status: outcome?.status ?? null,
      hypercallRc: outcome?.hypercallRc ?? null,
      payloadRc: outcome?.payloadRc ?? null,
      log: outcome?.log ?? [],
      attempts: outcome?.attempts ?? null,
      elapsedMs: outcome === null ? null : outcome.elapsedUs / 1000,
      error: outcome?.error ?? null,
    })),
  };
}

function stateOf({ begin, end, closed }: JournalEntry): string {
  if (closed === null) return end?.outcome ?? 'open';
  if (end === null) return 'interrupted';
  return isSameState(begin.before, closed.found) ? 'taken-back-by-host' : 'left-to-host';
}

function stateFields({ applied, others }: LoadedState) {
  const named = (places: readonly Place[]) =>
    places.map((place) => ({ ...place, name: nameText(place.name) }));
  return { applied: named(applied), others: named(others) };
}

function outcomeText(entry: JournalEntry): string {
  const state = stateOf(entry);
  if (state === 'open') return 'never ended';
  return state.replaceAll('-', ' ');
}

/** `apply hello, bye`, `undo of 3`. */
function changeText({ begin: { verb, undoes, steps } }: JournalEntry): string {
  if (undoes !== null) return `${verb} of ${undoes}`;
  const names = new Set(
    steps.filter(({ action }) => action !== 'none').map(({ name }) => nameText(name)),
  );
  return `${verb} ${[...names].join(', ')}`;
}

/** `ann (as root)`. */
export function whoText({ uid, loginUid, sudoUser }: Who): string {
  const own = uid === 0 ? 'root' : `uid ${uid}`;
  if (sudoUser !== null) return `${sudoUser} (as ${own})`;
  return loginUid === null || loginUid === uid ? own : `uid ${loginUid} (as ${own})`;
}

function whenText(at: string): string {
  return `${at.replace('T', ' ').replace(/\..*/, '')} UTC`;
}

function acceptedText({
  code,
  payload,
}: {
  readonly code: string;
  readonly payload: string | null;
}): string {
  return payload === null ? code : `${code} of ${nameText(payload)}`;
}

function stepCells({ intent, outcome }: JournalledStep, style: Style): readonly (string | Cell)[] {
  const { action, name } = intent.step;
  const answers = [outcome?.hypercallRc ?? 0, outcome?.payloadRc ?? 0].find((rc) => rc !== 0);
  return [
    outcome === null ? 'not known' : outcome.status,
    `${intent.isTakenBack ? 'back: ' : ''}${action}`,
    { text: nameText(name), paint: style.bold },
    outcome === null ? '' : `${(outcome.elapsedUs / 1000).toFixed(1)} ms`,
    answers === undefined ? (outcome?.error ?? '') : formatRc(answers),
  ];
}
