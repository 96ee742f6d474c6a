/**
 * Makes dist/bin of the compiled command line: one script instead of some two hundred, and beside it the one
 * that starts it. What only one command needs is run only when that is the one that was typed. What is native
 * or WebAssembly (koffi, iced-x86) stays a package.
 */
import { chmodSync, copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { packagesOf, versionOf } from '../dist/packages/bundle.js';
import { licenceOf, licencesText } from '../dist/packages/licences.js';

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
  define: { 'import.meta.url': 'thisFile', BUNDLED_VERSION: JSON.stringify(versionOf(root)) },
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
const packages = packagesOf(Object.keys(metafile.inputs), root);
writeFileSync(join(outdir, 'THIRD-PARTY-LICENSES'), licencesText(packages.map(licenceOf)));
