import { XspliceError } from '../errors.js';
import { DiskStore } from '../hypervisor/embedded/disk-store.js';
import { ModelPort } from '../hypervisor/embedded/model-port.js';
import type { HypervisorPort } from '../hypervisor/port.js';
import { type HypervisorImage, readXensyms } from '../image/index.js';
import type { Snapshot } from '../stack/index.js';
import type { Model } from '../verify/index.js';

/** Which hypervisor is meant, as --host says it. */
export type HostSpec =
  | { readonly kind: 'xen' }
  | { readonly kind: 'embedded'; readonly directory: string };

/** A model to try a plan on, or why there is none. */
export type PreflightModel =
  | { readonly model: Model; readonly version: string }
  | { readonly model: null; readonly why: string };

/** A hypervisor that can be operated, and a copy of it that can be tried on. */
export interface OpenHost {
  readonly port: HypervisorPort;
  /** Of this snapshot. */
  preflightModel(snapshot: Snapshot): Promise<PreflightModel>;
}

/** Reads `xen` or `embedded:DIR`. Fails with `bad-host` (exit code 64) on anything else. */
export function parseHostSpec(text: string): HostSpec {
  if (text === 'xen') return { kind: 'xen' };
  const directory = /^embedded:(.+)$/s.exec(text)?.[1];
  if (directory !== undefined) return { kind: 'embedded', directory };
  throw new XspliceError('bad-host', `Not a host: ${JSON.stringify(text)}`, {
    hint: 'It is xen, or embedded:DIR with the directory of an embedded hypervisor.',
    exitCode: 64,
  });
}

/** The words that name a host, as --host takes them. */
export function hostText(spec: HostSpec): string {
  return spec.kind === 'xen' ? 'xen' : `embedded:${spec.directory}`;
}

/**
 * Opens a hypervisor; `image` is the file it was booted from, where the caller knows it. The code that
 * calls into Xen is loaded only here, when it is wanted.
 */
export async function openHost(spec: HostSpec, image: HypervisorImage | null): Promise<OpenHost> {
  if (spec.kind === 'xen') {
    const { openXen } = await import('../hypervisor/xen/index.js');
    const port = await openXen();
    return { port, preflightModel: (snapshot) => modelForSnapshot(snapshot, image) };
  }
  const store = await DiskStore.open(spec.directory, readXensyms);
  const port = new ModelPort({ kind: 'embedded', spec: hostText(spec) }, store);
  const preflightModel = async (): Promise<PreflightModel> => ({
    model: await store.read(),
    version: store.version,
  });
  return { port, preflightModel };
}

/** True where this machine is the control domain of a Xen. */
export async function isControlDomain(): Promise<boolean> {
  const { isDom0 } = await import('../hypervisor/xen/host.js');
  return isDom0();
}

/** A model of a running Xen from what it says about itself. Not known yet how; says so. */
export async function modelForSnapshot(
  _snapshot: Snapshot,
  _image: HypervisorImage | null,
): Promise<PreflightModel> {
  return {
    model: null,
    why: "a running Xen's memory cannot be modelled yet, so only build-ids, names and states were checked",
  };
}
