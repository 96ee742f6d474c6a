import { shortId } from '../../core/abi/ids.js';
import { nameText } from '../../core/abi/payload-name.js';
import type { StoredPayload } from '../../core/store/index.js';
import { escapeName } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';

/** Stored payloads, a row each; `beside` is said in the last column. */
export function renderStored(
  payloads: readonly (StoredPayload & { readonly beside?: string })[],
  style: Style,
  verbose: boolean,
): string {
  const id = (value: StoredPayload['buildId']) =>
    value === null ? '?' : verbose ? value : shortId(value);
  const heading = ['NAME', 'BUILD-ID', 'BUILDS ON', 'SHA-256', 'SIGNED', 'ADDED', 'FROM'];
  const rows = payloads.map((one): readonly (string | Cell)[] => [
    { text: escapeName(one.name), paint: style.bold },
    id(one.buildId),
    id(one.depends),
    verbose ? one.sha256 : one.sha256.slice(0, 12),
    one.signatures.length === 0 ? '' : one.signatures.map((file) => suffixOf(one, file)).join(' '),
    one.addedAt.replace('T', ' ').replace(/\..*/, ''),
    one.beside ?? one.from,
  ]);
  const dim = heading.map((text): Cell => ({ text, paint: style.dim }));
  return renderTable([dim, ...rows], style, { titles: 1 });
}

/** The same for programs. */
export function storedFields(payload: StoredPayload): Readonly<Record<string, unknown>> {
  return { ...payload, name: nameText(payload.name) };
}

function suffixOf({ file }: StoredPayload, signature: string): string {
  return signature.startsWith(file) ? signature.slice(file.length) : signature;
}
