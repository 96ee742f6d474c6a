import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { MachineRequest } from '../../rig/machine.js';

/** A program that waits for ever in QEMU's place, and says who it is where it should open its port. */
const STAND_IN = `#!/bin/sh
for word; do case $word in
  socket,id=port,path=*) path=\${word#*path=}; echo "$$" >"\${path%%,*}.pid"; mv "\${path%%,*}.pid" "$STAND_IN_PID" ;;
esac; done
exec sleep 1000
`;

/** A rig of one machine, in a process of its own. */
const RIG = `
const { Machine } = await import(process.argv[1]);
await Machine.start(JSON.parse(process.argv[2]));
`;

/** True while a process runs; one that is dead and not waited for does not. */
function runs(pid: string): boolean {
  try {
    return !/^State:\s+[XZ]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function pause(): Promise<unknown> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

function startRig(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-rig-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'qemu-system-x86_64'), STAND_IN, { mode: 0o755 });
  writeFileSync(join(folder, 'qemu-img'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(folder, 'xen.gz'), gzipSync(''));
  writeFileSync(join(folder, 'base.cpio'), '');
  const pidFile = join(folder, 'pid');
  const request: MachineRequest = {
    hypervisor: join(folder, 'xen.gz'),
    dom0: { kernel: 'none', baseInitramfs: join(folder, 'base.cpio') },
    files: [],
    command: 'true',
  };
  const words = [
    '--input-type=module',
    '--eval',
    RIG,
    join(import.meta.dirname, '..', '..', 'rig', 'machine.js'),
  ];
  const rig = spawn(process.execPath, [...words, JSON.stringify(request)], {
    env: {
      ...process.env,
      XSPLICE_RIG_CACHE: folder,
      STAND_IN_PID: pidFile,
      PATH: [folder, process.env['PATH'] ?? ''].join(delimiter),
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.after(() => rig.kill('SIGKILL'));
  return { rig, pidFile, runFolder: join(folder, 'run') };
}

describe('a rig that is told to end', () => {
  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    it(`takes QEMU and its files down: ${signal}`, { timeout: 60_000 }, async (t) => {
      const { rig, pidFile, runFolder } = startRig(t);
      while (!existsSync(pidFile)) await pause();
      const qemu = readFileSync(pidFile, 'utf8').trim();
      assert.ok(runs(qemu), 'the stand-in runs');
      rig.kill(signal);
      assert.deepEqual(await once(rig, 'exit'), [status, null]);
      // The kernel has its signal; that it is gone takes a moment of which nobody is told.
      while (runs(qemu)) await pause();
      assert.deepEqual(readdirSync(runFolder), []);
    });
  }
});
