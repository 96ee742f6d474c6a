import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What made a document. */
export interface Tool {
  readonly name: 'xsplice-ts';
  readonly version: string;
}

/** Put in by esbuild; not there in the program as compiled. */
declare const BUNDLED_VERSION: string | undefined;

export function thisTool(): Tool {
  return { name: 'xsplice-ts', version: packageVersion() };
}

/** Of the package that this file is part of, wherever it was built to. */
export function packageVersion(): string {
  // What lies around a bundled program may be anybody's.
  if (typeof BUNDLED_VERSION === 'string') return BUNDLED_VERSION;
  for (const up of ['../', '../../', '../../../']) {
    const path = new URL(`${up}package.json`, import.meta.url);
    if (!existsSync(path)) continue;
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value === 'object' && value !== null && 'version' in value) {
      return String(value.version);
    }
  }
  return 'unknown';
}

/** The words that start this program again, whatever is around it: those of the command line follow. */
export function programWords(): readonly [string, ...string[]] {
  const here = fileURLToPath(import.meta.url);
  // An executable of its own carries the program.
  if (here === process.execPath) return [process.execPath];
  const program = typeof BUNDLED_VERSION === 'string' ? './xsplice-ts.js' : './main.js';
  return [process.execPath, fileURLToPath(new URL(program, import.meta.url))];
}
