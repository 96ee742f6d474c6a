import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Transport } from '../../core/hypervisor/xen/index.js';
import { DEMO_IMAGE } from './cli.js';
import { demoHypervisor } from './hostile-payloads.js';
import { repositoryRoot } from './repository.js';

/** A dom0 without Xen (fake-dom0.py), in a folder, which says that it booted the demo image. */
export interface FakeDom0 {
  readonly transport: Transport;
  /** The files of its machine. */
  readonly root: string;
  /** Changes how it behaves from the next connection on. */
  set(settings: { readonly delayMs?: number; readonly dieAt?: number }): void;
  /** Its payloads, in the order of upload: `name` where it is loaded, `name*` where it is applied. */
  payloads(): readonly string[];
}

export function fakeDom0(folder: string, interpreter = 'python3'): FakeDom0 {
  const root = join(folder, 'root');
  mkdirSync(join(root, 'boot'), { recursive: true });
  mkdirSync(join(root, 'run'));
  mkdirSync(join(root, 'proc/sys/kernel/random'), { recursive: true });
  for (const file of ['proc/uptime', 'proc/sys/kernel/random/boot_id']) {
    symlinkSync(`/${file}`, join(root, file));
  }
  writeFileSync(join(root, 'boot', 'xen-syms-demo'), readFileSync(DEMO_IMAGE));
  const { buildId } = demoHypervisor().model;
  const set: FakeDom0['set'] = (settings) =>
    writeFileSync(join(folder, 'settings.json'), JSON.stringify({ buildId, ...settings }));
  set({});
  const program = join(repositoryRoot(), 'test', 'support', 'fake-dom0.py');
  const words = [interpreter, program, folder];
  return {
    transport: { kind: 'exec', spec: `exec:${words.join(' ')}`, words },
    root,
    set,
    payloads() {
      const { payloads } = JSON.parse(readFileSync(join(folder, 'xen.json'), 'utf8')) as {
        payloads: readonly { name: string; state: number }[];
      };
      return payloads.map(({ name, state }) => `${name}${state === 2 ? '*' : ''}`);
    },
  };
}
