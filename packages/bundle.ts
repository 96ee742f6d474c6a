import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import { bundleInParts } from './parts.js';

/**
 * A program that needs nothing but node, and the files that it reads from its own folder or assets: a function, as in
 * `Script`.
 */
export interface Standalone {
  readonly program: string;
  /** By the names that the program knows them by: WebAssembly and native code. */
  readonly carried: ReadonlyMap<string, string>;
  /** Folders of the packages whose code is in it, native code included. */
  readonly packages: readonly string[];
}

/** How iced-x86 finds its WebAssembly: in the folder of its own script, which a bundle is not in. */
const ICED_READS = `const path = require('path').join(__dirname, 'iced_x86_bg.wasm');
const bytes = require('fs').readFileSync(path);`;
const ICED_IS_GIVEN = `const bytes = require('xsplice:late-packages').carried(thisFile.url, 'iced_x86_bg.wasm');`;

/** How the agent for other hosts is found: beside the file that sends it. */
const AGENT_READS = `readFileSync(new URL('./agent.py', import.meta.url))`;
const AGENT_IS_GIVEN = `require('xsplice:late-packages').carried(thisFile.url, 'agent.py')`;

/**
 * Bundles the compiled command line of this repository with all its packages.
 *
 * @throws Error where a package is not as this expects it.
 */
export async function bundleStandalone(root: string): Promise<Standalone> {
  const shim = join(root, 'packages', 'standalone', 'late-packages.cjs');
  const latePackages: Plugin = {
    name: 'late packages',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^(node:module|xsplice:late-packages)$/ }, ({ importer }) =>
        importer === shim ? null : { path: shim },
      );
      // The parser's help measures text too.
      onResolve({ filter: /^string-width$/ }, ({ importer }) =>
        importer === shim ? null : { path: join(root, 'dist', 'cli', 'terminal', 'width.js') },
      );
      const giving = (filter: RegExp, reads: string, given: string) =>
        onLoad({ filter }, ({ path }) => {
          const text = readFileSync(path, 'utf8');
          if (!text.includes(reads)) throw new Error(`${path} reads its file otherwise`);
          return { contents: text.replace(reads, given), loader: 'js' };
        });
      giving(/iced_x86\.js$/, ICED_READS, ICED_IS_GIVEN);
      giving(/xen\/handle\/remote\.js$/, AGENT_READS, AGENT_IS_GIVEN);
    },
  };
  const { text, inputs } = await bundleInParts(root, { plugins: [latePackages], alias: {} });
  return {
    program: text,
    carried: new Map([
      ['agent.py', join(root, 'core/hypervisor/xen/handle/agent.py')],
      ['iced_x86_bg.wasm', join(root, 'node_modules/iced-x86/iced_x86_bg.wasm')],
      ['koffi.node', join(root, 'node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node')],
    ]),
    packages: packagesOf([...inputs, 'node_modules/koffi/koffi.node'], root),
  };
}

/** The folders of the packages that these files are of; the files are relative to `root`. */
export function packagesOf(files: readonly string[], root: string): readonly string[] {
  const folders = files.flatMap(
    (path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  );
  return [...new Set(folders)].sort().map((folder) => join(root, folder));
}
