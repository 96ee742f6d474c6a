import { shortId } from '../../core/abi/ids.js';
import { nameText } from '../../core/abi/payload-name.js';
import type { TreeNode } from '../../core/stack/index.js';
import { escapeText } from '../terminal/escape.js';
import { Markup, markup } from './html.js';
import { type PlacedNode, placeNodes } from './lanes.js';
import { COLOURS, PICTURE_STYLE } from './style.js';

/** What is written at a payload. */
export interface NodeLabel {
  readonly word: string;
  readonly tone: 'good' | 'bad' | 'warn' | 'soft';
}

/** What a picture is made of. */
export interface Picture {
  /** Of the hypervisor, in a few words. */
  readonly base: string;
  readonly trees: readonly TreeNode[];
  readonly labelOf: (file: string) => NodeLabel;
}

const ROW = 32;
const LANE = 22;
const LEFT = 16;
const WIDTH = 520;
/** Letters of a name that are drawn; the whole one is in its title. */
const MAX_NAME = 34;

/** The chain as a picture: the hypervisor at the bottom, payloads on what they build on. */
export function chainPicture({ base, trees, labelOf }: Picture): Markup {
  const nodes = placeNodes(trees);
  const lanes = Math.max(...nodes.map(({ lane }) => lane)) + 1;
  const [width, height] = [LEFT + lanes * LANE + WIDTH, nodes.length * ROW + 8];
  const y = (row: number) => height - 4 - row * ROW - ROW / 2;
  const x = (lane: number) => LEFT + lane * LANE;
  const title = `${nodes.filter(({ node }) => node.kind === 'payload').length} payloads on ${base}`;
  return markup`<svg role="img" aria-label="${title}" xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
${nodes.map((node) => edgeOf(node, x, y))}
${nodes.map((placed) => nodeOf(placed, x(placed.lane), y(placed.row), x(lanes), base, labelOf))}
</svg>`;
}

/** The same as a file of its own, in both themes. */
export function pictureFile(pictures: readonly Picture[]): string {
  const drawn = pictures.map(chainPicture);
  const sizes = drawn.map(({ text }) => /width="(\d+)" height="(\d+)"/.exec(text)?.slice(1) ?? []);
  const width = Math.max(...sizes.map(([w]) => Number(w)));
  let top = 0;
  const placed = drawn.map((picture, index) => {
    const at = top;
    top += Number(sizes[index]?.[1] ?? 0) + ROW;
    return markup`<g transform="translate(0 ${at})">${picture}</g>`;
  });
  const style = new Markup(`${COLOURS}${PICTURE_STYLE}`);
  return markup`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}" viewBox="0 0 ${width} ${top}">
<style>${style}</style><rect class="ground" width="${width}" height="${top}"/>
${placed}
</svg>`.text;
}

function edgeOf(
  { node, lane, row, on }: PlacedNode,
  x: (lane: number) => number,
  y: (row: number) => number,
): Markup | null {
  if (on === null) return null;
  const gap = node.kind === 'payload' ? '' : ' gap';
  const straight = `M${x(on.lane)} ${y(on.row)}V${y(row)}`;
  const branch = `M${x(on.lane)} ${y(on.row)}V${y(row) + 14}Q${x(on.lane)} ${y(row)} ${x(lane)} ${y(row)}`;
  return markup`<path class="edge${gap}" d="${on.lane === lane ? straight : branch}"/>`;
}

function nodeOf(
  { node }: PlacedNode,
  x: number,
  y: number,
  textAt: number,
  base: string,
  labelOf: Picture['labelOf'],
): Markup {
  const { kind, member, id } = node;
  const text = (content: string, tone = '', more = '') =>
    markup`<text class="${tone}" x="${textAt}" y="${y + 4}">${content}<tspan class="soft" dx="8">${more}</tspan></text>`;
  if (kind === 'base') {
    return markup`<rect class="band" x="${x - 9}" y="${y - 9}" width="18" height="18" rx="3"/>${text(cut(base))}`;
  }
  if (member === null) {
    const what = kind === 'loop' ? 'parents go round' : 'parent missing';
    const which = id === null ? 'its build-id cannot be read' : `build-id ${shortId(id)}`;
    return markup`<circle class="hole" cx="${x}" cy="${y}" r="7"/>${text(what, 'bad', which)}`;
  }
  const { word, tone } = labelOf(member.file);
  return markup`<g><title>${member.file}</title><circle class="${tone}" cx="${x}" cy="${y}" r="7"/><text x="${textAt}" y="${y + 4}">${cut(nameText(member.name))}<tspan class="${tone}" dx="8">${word}</tspan></text></g>`;
}

function cut(text: string): string {
  const characters = [...text];
  return characters.length <= MAX_NAME ? text : `${characters.slice(0, MAX_NAME - 1).join('')}…`;
}

/** The same for Graphviz. */
export function dotFile(pictures: readonly Picture[]): string {
  const lines = pictures.flatMap(({ base, trees, labelOf }, index) =>
    placeNodes(trees).flatMap(({ node, row, on }) => {
      const name = (at: number) => `n${index}_${at}`;
      const shape = node.kind === 'base' ? 'box' : node.kind === 'payload' ? 'ellipse' : 'diamond';
      const edge = on === null ? [] : [`  ${name(on.row)} -> ${name(row)};`];
      return [
        `  ${name(row)} [shape=${shape}, label=${quoted(dotLabel(node, base, labelOf))}];`,
        ...edge,
      ];
    }),
  );
  return ['digraph livepatches {', '  rankdir=BT;', ...lines, '}'].join('\n');
}

function dotLabel(
  { kind, member, id }: TreeNode,
  base: string,
  labelOf: Picture['labelOf'],
): string {
  if (kind === 'base') return escapeText(base);
  if (member !== null) return `${escapeText(nameText(member.name))}\n${labelOf(member.file).word}`;
  return kind === 'loop'
    ? 'parents go round'
    : `missing: ${id === null ? 'not readable' : shortId(id)}`;
}

/** A double-quoted string of DOT, where a line break is \n and a backslash begins an escape. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
