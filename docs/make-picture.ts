/** A terminal's screen as SVG, of what the program really prints. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import stringWidth from '../cli/terminal/width.js';
import { wrapLine } from '../cli/terminal/wrap.js';

const COLUMNS = 92;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the codes of a style begin with one.
const CODE = /\u001b\[([\d;]*)m/g;
const [CELL_WIDTH, LINE_HEIGHT, MARGIN] = [8.4, 19, 16];
const [BACKGROUND, FOREGROUND] = ['#161b22', '#e6edf3'];
/** The colours that the program uses, by the numbers of SGR; 1 is bold, 2 is dim. */
const COLOURS: Readonly<Record<string, string>> = {
  '31': '#ff7b72',
  '32': '#7ee787',
  '33': '#e3b341',
  '34': '#79c0ff',
  '35': '#d2a8ff',
  '36': '#76e3ea',
  '90': '#8b949e',
};

/** What README shows: a set with one payload that Xen would refuse, then a chain that it takes. */
const COMMANDS: readonly (readonly string[])[] = [
  ['check', 'too-small.livepatch', '--image', 'xen-syms-demo'],
  ['init', '--image', 'xen-syms-demo'],
  ['plan', 'bye.livepatch', 'hello.livepatch'],
];

/** The picture; the program as compiled beside this file is run for it. */
export function screenPicture(root: string): string {
  const state = mkdtempSync(join(tmpdir(), 'xsplice-picture-'));
  try {
    const lines = COMMANDS.flatMap((words) => [
      `\u001b[90m$\u001b[39m \u001b[1mxsplice-ts ${words.join(' ')}\u001b[22m`,
      ...said(root, state, words),
      '',
    ]);
    return svg(lines.slice(0, -1));
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

function said(root: string, state: string, words: readonly string[]): readonly string[] {
  const { NO_COLOR: _, ...rest } = process.env;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'dist/cli/main.js'), ...words],
    {
      cwd: join(root, 'payloads', 'demo'),
      encoding: 'utf8',
      env: {
        ...{ ...rest, FORCE_COLOR: '1', TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' },
        XSPLICE_HOST: `embedded:${state}`,
      },
    },
  );
  const text = `${stdout}${stderr}`.replaceAll(state, './try');
  const lines = text.trimEnd().split('\n');
  return lines.flatMap((line) => wrapLine(line, COLUMNS, shownWidth).split('\n'));
}

function shownWidth(text: string): number {
  return stringWidth(text.replace(CODE, ''));
}

function svg(lines: readonly string[]): string {
  const width = Math.ceil(COLUMNS * CELL_WIDTH + 2 * MARGIN);
  const height = lines.length * LINE_HEIGHT + 2 * MARGIN;
  const rows = lines.map((line, index) => {
    const y = MARGIN + (index + 0.75) * LINE_HEIGHT;
    return `<text x="${MARGIN}" y="${y}">${spans(line)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="xsplice-ts on a terminal" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" fill="${FOREGROUND}">
<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>
${rows.join('\n')}
</svg>
`;
}

function escaped(text: string): string {
  const safe = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  // Viewers differ in what they do with several spaces.
  return safe.replaceAll(' ', '\u00a0');
}

/** A line with its colours as spans. */
function spans(line: string): string {
  let [colour, isBold, isDim] = [FOREGROUND, false, false];
  return line
    .split(CODE)
    .map((part, index) => {
      // Text and codes in turn.
      if (index % 2 === 0) {
        const weight = isBold ? ' font-weight="bold"' : '';
        const paint = isDim && colour === FOREGROUND ? '#8b949e' : colour;
        const fill = paint === FOREGROUND ? '' : ` fill="${paint}"`;
        if (part === '' || (weight === '' && fill === '')) return escaped(part);
        return `<tspan${fill}${weight}>${escaped(part)}</tspan>`;
      }
      for (const code of part.split(';')) {
        if (code === '1') isBold = true;
        if (code === '2') isDim = true;
        if (code === '22') [isBold, isDim] = [false, false];
        if (code === '39' || code === '0' || code === '') colour = FOREGROUND;
        if (code === '0' || code === '') [isBold, isDim] = [false, false];
        colour = COLOURS[code] ?? colour;
      }
      return '';
    })
    .join('');
}
