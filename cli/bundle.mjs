/**
 * Makes dist/bin of the compiled command line: one script instead of some two hundred, and beside it the one
 * that starts it. What only one command needs is run only when that is the one that was typed. What is native
 * or WebAssembly (koffi, iced-x86) stays a package.
 */
import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const outdir = join(root, 'dist', 'bin');
rmSync(outdir, { recursive: true, force: true });

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { program: 'dist/cli/main.js' },
  outdir,
  bundle: true,
  metafile: true,
  minifyWhitespace: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  external: ['koffi', 'iced-x86'],
  // The parser's help measures its text too.
  alias: { 'string-width': join(root, 'dist', 'cli', 'terminal', 'width.js') },
  logLevel: 'warning',
  banner: { js: "const thisFile = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': 'thisFile' },
});

// What runs on other machines is sent there as it is: it lies beside the code that sends it.
const agent = 'core/hypervisor/xen/handle/agent.py';
copyFileSync(join(root, agent), join(root, 'dist', agent));
copyFileSync(join(root, agent), join(outdir, 'agent.py'));

const start = join(outdir, 'xsplice-ts.js');
copyFileSync(join(root, 'cli', 'start.cjs'), start);
chmodSync(start, 0o755);
writeFileSync(join(outdir, 'package.json'), '{ "type": "commonjs" }\n');

/** The licences of the packages that are now part of the program. */
const packages = new Set(
  Object.keys(metafile.inputs).flatMap(
    (path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  ),
);
const notices = [...packages].sort().map((path) => {
  const { name, version, license } = JSON.parse(readFileSync(join(root, path, 'package.json')));
  const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENSE-MIT.txt']
    .map((candidate) => join(root, path, candidate))
    .find((candidate) => existsSync(candidate));
  const text =
    file === undefined ? `License: ${license ?? 'see its page'}` : readFileSync(file, 'utf8');
  return `${name} ${version}\n\n${text.trim()}\n`;
});
writeFileSync(join(outdir, 'THIRD-PARTY-LICENSES'), notices.join(`\n${'-'.repeat(72)}\n\n`));
