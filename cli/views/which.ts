import { nameText } from '../../core/abi/payload-name.js';
import type { CodeVersion, EffectiveCode, Hiding } from '../../core/oldcode/index.js';
import { escapeName, escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';

/** Where it is and whose, then all codes that the function has had, the one that runs last. */
export function renderWhich(
  asked: string,
  code: EffectiveCode,
  hiding: Hiding,
  style: Style,
): string {
  const { symbol, offset, owner, history, isRunning } = code;
  const whose = owner === null ? 'the hypervisor' : `payload ${nameText(owner)}`;
  const where = symbol === null ? `offset 0x${offset.toString(16)}` : placeText(symbol, offset);
  const place = where === asked ? `in ${whose}` : `${where} in ${whose}`;
  // Who names a function means whatever runs when it is called: the list says that.
  const isDead = !isRunning && where !== asked;
  const dead = isDead ? `; ${style.warn('no call reaches this code any more')}` : '';
  const title = `${style.bold(escapeText(asked))}  ${escapeText(place)}${dead}`;
  const last = history.length - 1;
  const rows = history.map((version, index) => [
    `0x${version.address.toString(16)}`,
    `${version.sizeBytes} bytes`,
    kindText(version),
    index === last ? lastCell(hiding, style) : { text: 'replaced', paint: style.dim },
  ]);
  return rows.length === 0 ? title : `${title}\n${renderTable(rows, style, { indent: '  ' })}`;
}

/** The same for programs. */
export function whichFields(
  asked: string,
  { history, owner, isRunning, ...rest }: EffectiveCode,
  { replacedBy, mayBeReplacedBy }: Hiding,
): Readonly<Record<string, unknown>> {
  const named = history.map((version) => ({ ...version, owner: textOrNull(version.owner) }));
  return {
    asked,
    ...rest,
    owner: textOrNull(owner),
    history: named,
    isRunning: isRunning && replacedBy === null,
    replacedBy: textOrNull(replacedBy),
    mayBeReplacedBy: mayBeReplacedBy.map(nameText),
  };
}

/** Of the last code that is known: it runs, unless a payload of unknown contents replaced it. */
function lastCell({ replacedBy, mayBeReplacedBy }: Hiding, style: Style): Cell {
  if (replacedBy !== null) {
    return {
      text: `replaced by ${escapeName(replacedBy)}, whose code is not known`,
      paint: style.warn,
    };
  }
  if (mayBeReplacedBy.length === 0) return { text: 'runs', paint: style.good };
  const names = mayBeReplacedBy.map(escapeName).join(', ');
  return { text: `runs, unless ${names} replaced it`, paint: style.warn };
}

function textOrNull(name: string | null): string | null {
  return name === null ? null : nameText(name);
}

function placeText(symbol: string, offset: bigint): string {
  return offset === 0n ? symbol : `${symbol}+0x${offset.toString(16)}`;
}

function kindText({ kind, owner }: CodeVersion): string {
  const whose = owner === null ? 'the hypervisor' : nameText(owner);
  switch (kind) {
    case 'original':
      return `as ${whose} has it`;
    case 'replacement':
      return `new code of ${whose}`;
    case 'nops':
      return `NOPs written by ${whose}`;
  }
}
