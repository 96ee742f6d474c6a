/**
 * Makes dist/bin of the compiled command line: one script instead of some two hundred, and beside it the one
 * that starts it. What only one command needs is run only when that is the one that was typed. What is native
 * or WebAssembly (koffi, iced-x86) stays a package.
 */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packagesOf } from '../dist/packages/bundle.js';
import { licenceOf, licencesText } from '../dist/packages/licences.js';
import { bundleInParts, startText } from '../dist/packages/parts.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const outdir = join(root, 'dist', 'bin');
rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });

const { text, inputs } = await bundleInParts(root, { external: ['koffi', 'iced-x86'] });
writeFileSync(join(outdir, 'program.js'), text);

// What runs on other machines is sent there as it is: it lies beside the code that sends it.
const agent = 'core/hypervisor/xen/handle/agent.py';
copyFileSync(join(root, agent), join(root, 'dist', agent));
copyFileSync(join(root, agent), join(outdir, 'agent.py'));

const start = join(outdir, 'xsplice-ts.js');
writeFileSync(start, startText(root), { mode: 0o755 });
writeFileSync(join(outdir, 'package.json'), '{ "type": "commonjs" }\n');

/** The licences of the packages that are now part of the program. */
const packages = packagesOf(inputs, root);
writeFileSync(join(outdir, 'THIRD-PARTY-LICENSES'), licencesText(packages.map(licenceOf)));
