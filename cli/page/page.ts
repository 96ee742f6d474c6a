import { errnoName } from '../../core/abi/errno.js';
import { nameText } from '../../core/abi/payload-name.js';
import {
  type CheckRun,
  countsOf,
  standingOf,
  standingOfRun,
  type TargetReport,
} from '../../core/check/index.js';
import { counted, type Finding } from '../../core/findings/index.js';
import type { PayloadPortrait, Portrait } from '../../core/portrait/index.js';
import type { Tool } from '../tool.js';
import { codeSection } from './code.js';
import { Markup, markup } from './html.js';
import { chainPicture, type NodeLabel, type Picture } from './picture.js';
import { COLOURS, PAGE_STYLE, PICTURE_STYLE } from './style.js';
import { textMap } from './text-map.js';

/** One hypervisor with its payloads, as the page shows them. */
export interface PageTarget extends TargetReport {
  readonly portrait: Portrait;
}

const STANDINGS = {
  good: { word: 'OK', tone: 'good' },
  rejected: { word: 'Rejected', tone: 'bad' },
  unknown: { word: 'Not known', tone: 'warn' },
} as const;

/** The whole page, as one file that asks nothing of a network and runs nothing. */
export function pageOf(run: CheckRun, targets: readonly PageTarget[], tool: Tool): string {
  const { payloads, errors, warnings, notes, waived } = countsOf(run);
  const { word, tone } = STANDINGS[standingOfRun(run)];
  const counts = [
    counted(payloads, 'payload'),
    counted(targets.length, 'target'),
    counted(errors, 'error'),
    counted(warnings, 'warning'),
    counted(notes, 'note'),
    ...(waived === 0 ? [] : [`${waived} waived`]),
  ];
  const style = new Markup(`${COLOURS}${PICTURE_STYLE}${PAGE_STYLE}`);
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Live patches: ${word}</title>
<style>${style}</style></head><body>
<header><h1>Live patches: <span class="${tone}">${word}</span></h1>
<p>${counts.join(', ')}.</p>
${run.skipped.length > 0 && markup`<p>Not asked about: ${run.skipped.join(', ')}.</p>`}
${targets.length > 1 && overview(targets)}
</header><main>
${run.findings.length > 0 && markup`<section aria-labelledby="own"><h2 id="own">Of no hypervisor</h2>${findingsList(run.findings)}</section>`}
${targets.map(targetSection)}
</main><footer class="soft"><p>Made by ${tool.name} ${tool.version}.</p></footer></body></html>
`.text;
}

/** A row a hypervisor: what came of it, in numbers. */
function overview(targets: readonly PageTarget[]): Markup {
  const heads = ['Payloads', 'Accepted', 'Refused', 'Fatal', 'Errors', 'Warnings'];
  return markup`<nav aria-label="Hypervisors"><div class="scroll" tabindex="0" role="group" aria-label="Verdicts by hypervisor"><table>
<thead><tr><th scope="col">Hypervisor</th><th scope="col">Result</th>${heads.map((head) => markup`<th scope="col" class="number">${head}</th>`)}</tr></thead><tbody>
${targets.map((one, index) => {
  const of = countsOf({ targets: [one], findings: [], skipped: [] });
  const { payloads, accepted, refused, fatal, errors, warnings } = of;
  return markup`<tr><td><a href="#t${index}">${one.target}</a></td><td>${standingWord(one.report)}</td>${[payloads, accepted, refused, fatal, errors, warnings].map((count) => markup`<td class="number">${String(count)}</td>`)}</tr>`;
})}
</tbody></table></div></nav>`;
}

function standingWord({ findings, failOn }: TargetReport['report']): Markup {
  const { word, tone } = STANDINGS[standingOf(findings, failOn)];
  return markup`<span class="word ${tone}">${word}</span>`;
}

function targetSection({ target, image, report, portrait }: PageTarget, index: number): Markup {
  const { buildId, release, notVerified } = report;
  const files = new Set(portrait.payloads.map(({ file }) => file));
  const others = report.findings.filter(({ file }) => file === undefined || !files.has(file));
  return markup`<section aria-labelledby="t${index}"><h2 id="t${index}">${target} ${standingWord(report)}</h2>
<dl>${facts([
    ['Build-id', buildId === null ? 'not known' : markup`<code>${buildId}</code>`],
    ['Release', release],
    ['Image', image],
    ['Not verified', notVerified],
  ])}</dl>
${others.length > 0 && findingsList(others)}
<h3 id="t${index}-chain">Chain</h3>
<div class="scroll" tabindex="0" role="group" aria-labelledby="t${index}-chain">${chainPicture(pictureOf({ target, image, report, portrait }))}</div>
${payloadTable(portrait, index)}
${mapSection(portrait)}
<h3>Payloads</h3>
${portrait.payloads.map((payload, number) => payloadSection(payload, `t${index}-p${number}`))}
</section>`;
}

/** The picture of a target's chain. */
export function pictureOf({ report, portrait, target }: PageTarget): Picture {
  const labels = new Map(portrait.payloads.map((payload) => [payload.file, labelOf(payload)]));
  const release = report.release === null ? '' : ` · Xen ${report.release}`;
  return {
    base: `${target}${release}`,
    trees: portrait.tree,
    labelOf: (file) => labels.get(file) ?? { word: 'not known', tone: 'warn' },
  };
}

function labelOf({ verdict, findings }: PayloadPortrait): NodeLabel {
  if (verdict?.outcome === 'refused') {
    return { word: `refused: ${errnoName(verdict.errno ?? 0)}`, tone: 'bad' };
  }
  if (verdict?.outcome === 'fatal') return { word: 'fatal', tone: 'bad' };
  const open = findings.filter(({ waiver }) => waiver === undefined);
  if (open.some(({ severity }) => severity === 'error')) return { word: 'rejected', tone: 'bad' };
  const isWarned = open.some(({ severity }) => severity === 'warning');
  if (verdict === null) return { word: 'no verdict', tone: 'soft' };
  return isWarned
    ? { word: 'accepted, with warnings', tone: 'warn' }
    : { word: 'accepted', tone: 'good' };
}

function payloadTable({ payloads }: Portrait, index: number): Markup {
  if (payloads.length === 0) return markup`<p>There is no payload.</p>`;
  return markup`<div class="scroll" tabindex="0" role="group" aria-label="Payloads in the order of application"><table>
<thead><tr><th scope="col">Payload</th><th scope="col">Verdict</th><th scope="col" class="number">Functions</th><th scope="col">File</th></tr></thead><tbody>
${payloads.map((one, number) => {
  const { word, tone } = labelOf(one);
  return markup`<tr><td><a href="#t${index}-p${number}">${nameText(one.name)}</a></td><td class="${tone}">${word}</td><td class="number">${one.payload.functions.length}</td><td>${one.file}</td></tr>`;
})}
</tbody></table></div>`;
}

function mapSection({ text, payloads }: Portrait): Markup | null {
  if (text.length === 0) return null;
  const entries = payloads.flatMap(({ name, functions }) =>
    (functions ?? []).map((one) => ({
      name: one.name,
      payload: nameText(name),
      address: one.oldAddress,
      sizeBytes: one.oldSize,
    })),
  );
  return markup`<h3>What is patched</h3><p class="soft">The code of the hypervisor from its start to its end; each mark is a function that is replaced.</p>${textMap(text, entries)}`;
}

function payloadSection(portrait: PayloadPortrait, id: string): Markup {
  const { file, name, payload, sha256, verdict, findings } = portrait;
  const { word, tone } = labelOf(portrait);
  const { buildId, depends, xenDepends, hooks, metadata } = payload;
  const known = (one: typeof buildId) =>
    one.status === 'present' ? markup`<code>${one.id}</code>` : one.status;
  return markup`<article class="payload" aria-labelledby="${id}"><h4 id="${id}">${nameText(name)} <span class="word ${tone}">${word}</span></h4>
<dl>${facts([
    ['File', file],
    ['Build-id', known(buildId)],
    ['Builds on', known(depends)],
    ['Built for', known(xenDepends)],
    ['SHA-256', markup`<code>${sha256}</code>`],
    ['Size', `${payload.sizeBytes} bytes`],
    ['Stage', verdict?.stage ?? null],
    ['Hooks', hooks.length === 0 ? null : hooks.map(({ kind }) => kind).join(', ')],
    ...metadata.map(({ key, value }) => [nameText(key), nameText(value ?? '')] as const),
  ])}</dl>
${findings.length > 0 && findingsList(findings, file)}
${codeSection(portrait)}
</article>`;
}

function facts(rows: readonly (readonly [string, string | Markup | null])[]): readonly Markup[] {
  return rows.flatMap(([name, value]) =>
    value === null ? [] : [markup`<dt>${name}</dt><dd>${value}</dd>`],
  );
}

const TONES = { error: 'bad', warning: 'warn', note: 'soft' } as const;
const WEIGHT = { error: 0, warning: 1, note: 2 } as const;

/** Findings, the worst first; not with the name of the file that they stand at. */
function findingsList(findings: readonly Finding[], at: string | null = null): Markup {
  const sorted = [...findings].sort((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity]);
  return markup`<ul class="findings">${sorted.map(
    ({ severity, code, message, hint, waiver, file }) => {
      const where = file === undefined || file === at || message.includes(file) ? '' : `${file}: `;
      const tone = waiver === undefined ? TONES[severity] : 'soft';
      const word = waiver === undefined ? severity : `waived ${severity}`;
      return markup`<li><span class="word ${tone}">${word}</span> ${where}${message} <code class="soft">${code}</code>${waiver !== undefined && markup`<br><span class="soft">Waived until ${waiver.expires}: ${waiver.reason}</span>`}${hint !== undefined && markup`<br><span class="soft">${hint}</span>`}</li>`;
    },
  )}</ul>`;
}
