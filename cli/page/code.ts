import { nameText } from '../../core/abi/payload-name.js';
import type { ChangedFunction, ComparedLine, ListedInstruction } from '../../core/oldcode/index.js';
import type { PayloadPortrait } from '../../core/portrait/index.js';
import { type Markup, markup } from './html.js';

/** Ours: lines of one function that are shown. */
const MAX_LINES = 2000;

/** The functions of a payload: sizes as a table, and, folded, old and new code side by side. */
export function codeSection({ payload, functions }: PayloadPortrait): Markup | null {
  if (payload.functions.length === 0) return null;
  const rows = payload.functions.map(
    ({ name, oldSize, newSize, isNop }) =>
      markup`<tr><td class="code">${name ?? '(no name)'}</td><td class="number">${oldSize}</td><td class="number">${isNop ? `${newSize} of NOP` : newSize}</td></tr>`,
  );
  return markup`<div class="scroll" tabindex="0" role="group" aria-label="Functions"><table>
<thead><tr><th scope="col">Function</th><th scope="col" class="number">Old bytes</th><th scope="col" class="number">New bytes</th></tr></thead><tbody>${rows}</tbody></table></div>
${functions === null ? markup`<p class="soft">Its code is not shown: it could not be applied on what it builds on, or the image has no symbols.</p>` : functions.map(functionDetails)}`;
}

function functionDetails({
  name,
  oldAddress,
  newAddress,
  replaces,
  lines,
}: ChangedFunction): Markup {
  const before = replaces === null ? 'the hypervisor' : nameText(replaces);
  const title = `${name}: old and new code`;
  if (lines === null)
    return markup`<p class="soft">${name}: one of its two codes is not known.</p>`;
  const hidden = lines.length - MAX_LINES;
  return markup`<details><summary><span class="code">${name}</span> <span class="soft">old and new code</span></summary>
<div class="scroll" tabindex="0" role="group" aria-label="${title}"><table class="code">
<thead><tr><th scope="col">Old, of ${before}, 0x${oldAddress.toString(16)}</th><th scope="col">New${newAddress === 0n ? ', with NOPs' : `, 0x${newAddress.toString(16)}`}</th></tr></thead><tbody>
${lines.slice(0, MAX_LINES).map(lineRow)}</tbody></table></div>${hidden > 0 && markup`<p class="soft">and ${hidden} more lines</p>`}</details>`;
}

function lineRow({ isEqual, expected, actual }: ComparedLine): Markup {
  const [old, fresh] = isEqual ? ['', ''] : ['old', 'new'];
  return markup`<tr><td class="${expected === null ? '' : old}">${text(expected)}</td><td class="${actual === null ? '' : fresh}">${text(actual)}</td></tr>`;
}

function text(instruction: ListedInstruction | null): string {
  if (instruction === null) return '';
  return instruction.refersTo === null
    ? instruction.text
    : `${instruction.text} <${instruction.refersTo}>`;
}
