import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEMO_IMAGE, demo } from '../support/cli.js';
import { onTerminal } from '../support/screen.js';

const PROGRAM = fileURLToPath(new URL('../../bin/xsplice-ts.js', import.meta.url));

/** Widths at which the screens are looked at: a split window, a serial console, a wide one. */
export const WIDTHS = [40, 80, 120] as const;

/** A command line on a terminal; `x` stands for the program. */
interface Scene {
  readonly name: string;
  readonly line: string;
}

/** In this order, on one embedded hypervisor. */
const SCENES: readonly Scene[] = [
  { name: 'list-empty', line: 'x list' },
  { name: 'plan', line: 'x plan patches/' },
  { name: 'plan-old-code', line: 'x plan patches/ --check old-code --verbose' },
  { name: 'check', line: 'x check patches --image xen-syms' },
  { name: 'check-verbose', line: 'x check patches --image xen-syms --verbose' },
  { name: 'check-rejected', line: 'x check patches wrong --image xen-syms --explain' },
  { name: 'refused', line: 'x apply wrong/wrong-depends.livepatch --yes' },
  { name: 'missing', line: 'x apply patches/hullo.livepatch' },
  {
    name: 'list',
    line: 'x apply patches --yes -q && x upload more/independent-a.livepatch -yq && x list',
  },
  { name: 'list-verbose', line: 'x list --verbose' },
  { name: 'which', line: 'x which xen_extra_version' },
  { name: 'diff', line: 'x diff patches/hello.livepatch patches/bye.livepatch' },
  { name: 'inspect', line: 'x inspect more/metadata.livepatch' },
  { name: 'explain', line: 'x explain fork would-be-refused' },
  { name: 'lockstep', line: 'x lockstep xen-syms patches wrong' },
];

/** What each command shows at one width. `folder` is new, and its name is not shown. */
export async function makeScreens(
  folder: string,
  columns: number,
): Promise<ReadonlyMap<string, string>> {
  prepare(folder);
  const env = { XSPLICE_HOST: 'embedded:./try' };
  const run = (line: string) =>
    onTerminal(`x() { '${process.execPath}' '${PROGRAM}' "$@"; }; ${line}`, {
      columns,
      cwd: folder,
      env,
    });
  await run('x init --image xen-syms -q');
  const screens = new Map<string, string>();
  for (const { name, line } of SCENES) screens.set(name, (await run(line)).screen);
  return screens;
}

function prepare(folder: string): void {
  const put = (below: string, ...names: readonly string[]) => {
    mkdirSync(join(folder, below), { recursive: true });
    for (const name of names) copyFileSync(demo(name), join(folder, below, `${name}.livepatch`));
  };
  put('patches', 'hello', 'bye');
  put('wrong', 'wrong-depends', 'too-small', 'unknown-function');
  put('more', 'independent-a', 'metadata');
  copyFileSync(DEMO_IMAGE, join(folder, 'xen-syms'));
}
