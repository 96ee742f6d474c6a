import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type BuildOptions, build, type Plugin, transform } from 'esbuild';

/** A program as one script. */
export interface Script {
  /** A function of `require` and `__filename`, in brackets: whoever starts the program calls it. In ASCII. */
  readonly text: string;
  /** What it was made of, relative to the root. */
  readonly inputs: readonly string[];
}

/** What is in the way of nobody: of these Node has made all before a program starts. */
const AT_HAND = ['node:fs', 'node:path', 'node:url', 'node:events', 'node:buffer'];

/** What packages load at their start for what this program does not ask of them. */
const UNUSED: Readonly<Record<string, string>> = {
  // chalk is told whether there are colours.
  '#supports-color': 'export default { stdout: false, stderr: false };',
  // The parser's helpers are the parser and two that nobody calls.
  '../lib/platform-shims/esm.mjs': 'export default null;',
};

const leaveOut: Plugin = {
  name: 'leave out',
  setup({ onResolve, onLoad }) {
    onResolve(
      { filter: /^(#supports-color|\.\.\/lib\/platform-shims\/esm\.mjs)$/ },
      ({ path }) => ({
        path,
        namespace: 'unused',
      }),
    );
    onLoad({ filter: /./, namespace: 'unused' }, ({ path }) => ({ contents: UNUSED[path] ?? '' }));
  },
};

/**
 * Bundles the compiled command line as one script of parts. A part is run when it is first asked for, and so is a
 * module of Node: a start pays for what its command needs.
 *
 * @throws Error where esbuild makes something else than this expects.
 */
export async function bundleInParts(
  root: string,
  { plugins = [], ...more }: Pick<BuildOptions, 'alias' | 'external' | 'plugins'> = {},
): Promise<Script> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: { main: 'dist/cli/main.js' },
    outdir: 'parts',
    bundle: true,
    write: false,
    metafile: true,
    minifyWhitespace: true,
    minifySyntax: true,
    format: 'esm',
    splitting: true,
    platform: 'node',
    target: 'node20',
    // The parser's help measures its text too.
    alias: { 'string-width': join(root, 'dist', 'cli', 'terminal', 'width.js') },
    logLevel: 'warning',
    define: {
      'import.meta.url': 'thisFile.url',
      BUNDLED_VERSION: JSON.stringify(versionOf(root)),
    },
    ...more,
    plugins: [leaveOut, ...plugins],
  });
  const parts = await Promise.all(
    outputFiles.map(
      async ({ path, text }) => `${nameOf(path)}(require,module){${await body(text)}}`,
    ),
  );
  return { text: `(${program(parts)})`, inputs: Object.keys(metafile.inputs) };
}

function nameOf(path: string): string {
  return JSON.stringify(`./${basename(path)}`);
}

/** A part as the body of a function. */
async function body(text: string): Promise<string> {
  const { code } = await transform(text, {
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    minifyWhitespace: true,
    minifySyntax: true,
    supported: { 'dynamic-import': false },
  });
  // A module of Node that is loaded late has no names before: each is asked for by name.
  if (/__toESM\(require\("node:/.test(code)) throw new Error('a part takes a module of Node whole');
  // What a part gives away, it gives away as it is: nobody asks it whether it was a module.
  return code.replace(/module\.exports=__toCommonJS\((\w+)\);/, 'module.exports=$1;');
}

function program(parts: readonly string[]): string {
  return `function(require,__filename){'use strict';
const thisFile={get url(){return require('node:url').pathToFileURL(__filename).href}};
const parts={${parts.join(',\n')}};
const atHand=new Set(${JSON.stringify(AT_HAND)});
const loaded=new Map();
function load(name){
if(!(name in parts))return atHand.has(name)||!name.startsWith('node:')?require(name):late(name);
let module=loaded.get(name);
if(module===undefined){module={exports:{}};loaded.set(name,module);parts[name](load,module)}
return module.exports}
function late(name){let module;return new Proxy({},{get:(_,key)=>(module??=require(name))[key]})}
load('./main.js');
return ()=>loaded.size}`;
}

/** The script that starts a program beside it, and knows its version. */
export function startText(root: string): string {
  const text = readFileSync(join(root, 'cli', 'start.cjs'), 'utf8');
  const version = "const VERSION = '0.0.0';";
  if (!text.includes(version)) throw new Error('start.cjs has no place for the version');
  return text.replace(version, `const VERSION = ${JSON.stringify(versionOf(root))};`);
}

/** The version in package.json. */
export function versionOf(root: string): string {
  const { version }: { readonly version: string } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  return version;
}
