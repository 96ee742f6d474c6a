import { upload } from '../../../core/verify/index.js';
import type { Model } from '../../../core/verify/model.js';
import type { Base, Variant } from '../../differential/variants.js';

/** What one side said about one variant: an rc and the lines it printed, or that it did not survive. */
export type Said =
  | { readonly kind: 'answered'; readonly rc: number; readonly log: readonly string[] }
  | { readonly kind: 'died'; readonly reason: string };

/** One variant on which the two sides differ. */
export interface Disagreement {
  readonly variant: Variant;
  readonly predicted: Said;
  readonly seen: Said;
}

/** What core/verify says about a variant, on an otherwise empty hypervisor. */
export function predict(model: Model, bases: readonly [Base, ...Base[]], variant: Variant): Said {
  const base = bases.find(({ name }) => name === variant.base);
  const start = variant.onTopOfBase && base ? upload(model, 'base', base.bytes).model : model;
  const { outcome, hypercallRc, log } = upload(start, 'variant', variant.bytes).verdict;
  if (outcome.outcome === 'fatal') return { kind: 'died', reason: outcome.cause };
  return { kind: 'answered', rc: hypercallRc ?? 0, log: log.map(({ text }) => text) };
}

/** True when both sides gave the same answer for the same reason. */
export function agree(predicted: Said, seen: Said): boolean {
  if (predicted.kind === 'died' || seen.kind === 'died') return predicted.kind === seen.kind;
  return predicted.rc === seen.rc && sameLines(predicted.log, seen.log);
}

/** Names in a damaged file may hold line breaks and NULs, which the console splits: only text counts. */
function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return plain(a) === plain(b);
}

function plain(lines: readonly string[]): string {
  return lines
    .flatMap((line) => line.split('\n').slice(0, 1))
    .map((line) => line.replaceAll(/[^ -~]/g, '').trimEnd())
    .join('\n');
}

/** A disagreement as text, enough to find the variant again. */
export function describe({ variant, predicted, seen }: Disagreement): string {
  const side = (said: Said) =>
    said.kind === 'died' ? `died: ${said.reason}` : `${said.rc} ${JSON.stringify(said.log)}`;
  return [
    `variant ${variant.index} of ${variant.base}${variant.onTopOfBase ? ' on top of it' : ''}: ${variant.changes.join('; ')}`,
    `  predicted ${side(predicted)}`,
    `  seen      ${side(seen)}`,
  ].join('\n');
}
