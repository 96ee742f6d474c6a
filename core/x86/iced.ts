import { createRequire } from 'node:module';

export type Iced = typeof import('iced-x86');

let loaded: Iced | null = null;

/**
 * Loads iced-x86 on first use: reading and compiling its 800 kB takes longer than most commands that have no
 * use for it. It is CommonJS, and required because an import would parse all of it once more, for the names
 * that it exports.
 */
export function loadIced(): Iced {
  loaded ??= createRequire(import.meta.url)('iced-x86') as Iced;
  return loaded;
}
