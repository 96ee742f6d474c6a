import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { COMPILE_FLAGS, runTool, type Toolchain } from './toolchain.js';

/** Sources of the demo hypervisor: their paths become its FILE symbols, as in Xen. */
const DEMO_SOURCES: readonly string[] = [
  'common/version.c',
  'common/kernel.c',
  'common/keyhandler.c',
  'common/livepatch.c',
  'common/string.c',
  'drivers/char/console.c',
  'arch/x86/indirect-thunk.c',
];

/** Builds the demo hypervisor, an ELF64 in xen-syms' shape that is far too small to boot. */
export async function buildDemoImage(
  sources: string,
  output: string,
  tools: Toolchain,
): Promise<void> {
  const folder = join(sources, 'demo-image');
  const scratch = mkdtempSync(join(tmpdir(), 'xsplice-demo-'));
  try {
    const objects: string[] = [];
    for (const source of DEMO_SOURCES) {
      const object = join(scratch, `${source}.o`);
      mkdirSync(dirname(object), { recursive: true });
      await runTool(
        tools.gcc,
        [
          ...[...COMPILE_FLAGS, ...tools.machineFlags, '-mfunction-return=thunk-extern'],
          ...['-Iinclude', '-fno-tree-loop-distribute-patterns', '-c', source, '-o', object],
        ],
        folder,
      );
      const baseName = source.slice(source.lastIndexOf('/') + 1);
      await runTool(tools.objcopy, ['--redefine-sym', `${baseName}=${source}`, object]);
      objects.push(object);
    }
    mkdirSync(dirname(output), { recursive: true });
    const flags = [
      '-T',
      join(folder, 'xen.lds'),
      '-z',
      'max-page-size=4096',
      '--no-warn-rwx-segments',
    ];
    await runTool(tools.ld, [...flags, '--build-id=sha1', '-o', output, ...objects]);
    chmodSync(output, 0o644);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
