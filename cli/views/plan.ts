import { shortId } from '../../core/abi/ids.js';
import { formatRelease } from '../../core/abi/release.js';
import type { Prediction, Verification } from '../../core/change/index.js';
import type { Finding } from '../../core/findings/index.js';
import type { Snapshot } from '../../core/hypervisor/index.js';
import type { Plan, StackEntry, Step } from '../../core/stack/index.js';
import { escapeName, escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';

/** Rows shown of a long plan unless everything is asked for: the first and the last. */
const ROWS_AT_START = 5;
const ROWS_AT_END = 2;
/** Assumptions named of a payload unless everything is asked for. */
const SHOWN_ASSUMPTIONS = 2;

/** `embedded:DIR · Xen 4.17.7, build-id b47c8ae82c7e`. */
export function renderHost(
  spec: string,
  { hypervisor }: Snapshot,
  style: Style,
  verbose: boolean,
): string {
  const { version, release, buildId } = hypervisor;
  const xen = version === '' ? formatRelease(release) : version;
  const id = buildId === null ? 'no build-id' : `build-id ${verbose ? buildId : shortId(buildId)}`;
  return `${style.bold('Host')}     ${escapeText(`${spec} · Xen ${xen}, ${id}`)}`;
}

/** What is applied, what will be and why, what it will be then, and what the hypervisor will say. */
export function renderPlan(
  plan: Plan,
  verification: Verification | null,
  accepted: readonly Finding[],
  style: Style,
  verbose: boolean,
): string {
  const lines = [`${style.bold('Applied')}  ${stackText(plan.before)}`];
  if (plan.steps.length > 0) {
    lines.push(style.bold('Plan'), renderSteps(plan.steps, style, verbose));
  }
  if (plan.steps.some(({ action }) => action !== 'none')) {
    lines.push(`${style.bold('Then')}     ${stackText(plan.after)}`);
  }
  if (verification !== null) {
    lines.push(`${style.bold('Verdict')}  ${verdictText(verification, style)}`);
    lines.push(...restLines(verification, style, verbose));
  }
  if (accepted.length > 0) {
    const each = new Set(accepted.map(({ code, payload }) => `${code} of ${payload}`));
    lines.push(`${style.bold('Accepted')} ${style.warn(escapeText([...each].join(', ')))}`);
  }
  return lines.join('\n');
}

function renderSteps(steps: readonly Step[], style: Style, verbose: boolean): string {
  // Reverts are shown one by one: their order says what to put back.
  const isTakenOff = steps.some(({ action }) => action === 'revert');
  const rows = verbose
    ? steps.map((step, index) => stepRow([step], `${index + 1}`, style))
    : shortened(
        (isTakenOff ? steps.map((step) => [step]) : groupsOf(steps)).map((group, index) =>
          stepRow(group, `${index + 1}`, style),
        ),
        style,
      );
  const hint =
    !verbose && steps.filter(({ action }) => action === 'upload').length > 1
      ? `\n  ${style.dim('Everything is uploaded before the first is applied.')}`
      : '';
  return `${renderTable(rows, style, { indent: '  ' })}${hint}`;
}

/** All that is done to one payload, in the order in which payloads reach their last step. */
function groupsOf(steps: readonly Step[]): readonly (readonly Step[])[] {
  const groups = new Map<string, Step[]>();
  for (const step of steps) {
    const earlier = groups.get(step.name) ?? [];
    groups.delete(step.name);
    groups.set(step.name, [...earlier, step]);
  }
  return [...groups.values()];
}

function stepRow(group: readonly Step[], number: string, style: Style): readonly Cell[] {
  const actions = group.map(({ action }) => (action === 'none' ? 'nothing' : action)).join(', ');
  const isNothing = group.every(({ action }) => action === 'none');
  const name = group[0]?.name ?? '';
  // Why it is uploaded goes without saying once it says why it is applied, unless it is done anew.
  const reasons = group.filter(
    ({ action }, index) => action !== 'upload' || index === group.length - 1,
  );
  const nodeps = group.some((step) => step.nodeps === true) ? ' (NODEPS)' : '';
  const paint = isNothing ? style.dim : undefined;
  const cell = (text: string): Cell => (paint === undefined ? { text } : { text, paint });
  return [
    { text: number, paint: style.dim },
    cell(`${actions}${nodeps}`),
    { text: escapeName(name), paint: isNothing ? style.dim : style.bold },
    cell(reasons.map(reasonText).join('; ')),
  ];
}

/** With the guard that let it pass, unless it is Xen's own. */
function reasonText({ reason, guard }: Step): string {
  return guard === undefined || guard === 'build-id' || guard === 'nodeps'
    ? reason
    : `${reason} [${guard}]`;
}

function shortened(rows: readonly (readonly Cell[])[], style: Style): readonly (readonly Cell[])[] {
  const hidden = rows.length - ROWS_AT_START - ROWS_AT_END;
  if (hidden < 2) return rows;
  const gap = { text: `${hidden} more in the same way; --verbose shows them`, paint: style.dim };
  return [
    ...rows.slice(0, ROWS_AT_START),
    [{ text: '' }, { text: '…' }, { text: '' }, gap],
    ...rows.slice(rows.length - ROWS_AT_END),
  ];
}

/** Names, base first; the middle of a tall stack is counted. */
export function stackText(stack: readonly Pick<StackEntry, 'name'>[]): string {
  const names = stack.map(({ name }) => escapeName(name));
  if (names.length === 0) return 'nothing';
  if (names.length <= 6) return names.join(', ');
  return `${names.slice(0, 3).join(', ')}, … ${names.at(-1)} (${names.length} payloads)`;
}

function verdictText(verification: Verification, style: Style): string {
  if ('notVerified' in verification) {
    return style.warn(escapeText(`not verified: ${verification.notVerified}`));
  }
  const { ok, version, predictions } = verification;
  if (ok) {
    const condition = assumptionsOf(predictions).size === 0 ? '' : ', if what is assumed holds';
    const isOne = new Set(predictions.map(({ step }) => step.name)).size === 1;
    return style.good(
      escapeText(`Xen ${version} will accept ${isOne ? 'it' : 'each'}${condition}`),
    );
  }
  const bad = predictions.find(({ outcome }) => outcome === 'refused' || outcome === 'fatal');
  const what = bad === undefined ? 'it' : `the ${bad.step.action} of ${escapeName(bad.step.name)}`;
  const verb = bad?.outcome === 'fatal' ? 'not survive' : 'refuse';
  const stage = bad?.stage ? ` (${bad.stage})` : '';
  return style.bad(escapeText(`Xen ${version} would ${verb} ${what}${stage}`));
}

/** What the verdict rests on, a line a payload, and what is not known of the hypervisor. */
function restLines(verification: Verification, style: Style, verbose: boolean): readonly string[] {
  if (!('predictions' in verification)) return [];
  const lines = [...assumptionsOf(verification.predictions)].map(([name, all]) => {
    const shown = verbose ? all : all.slice(0, SHOWN_ASSUMPTIONS);
    const more = all.length - shown.length;
    const rest = more > 0 ? `; ${more} more with --verbose` : '';
    return `${style.bold('Assumed')}  ${escapeName(name)}: ${escapeText(shown.join('; '))}${rest}`;
  });
  const { unknown } = verification;
  if (unknown.length > 0) {
    lines.push(`${style.bold('Unknown')}  ${escapeText(unknown.join('; '))}`);
  }
  return lines;
}

/** By the name of the payload, each assumption once. */
function assumptionsOf(predictions: readonly Prediction[]): ReadonlyMap<string, readonly string[]> {
  const byName = new Map<string, Set<string>>();
  for (const { step, assumptions } of predictions) {
    if (assumptions.length === 0) continue;
    const all = byName.get(step.name) ?? new Set();
    for (const text of assumptions) all.add(text);
    byName.set(step.name, all);
  }
  return new Map([...byName].map(([name, all]) => [name, [...all]]));
}
