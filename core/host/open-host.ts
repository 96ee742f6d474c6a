import { openEmbedded } from './embedded-host.js';
import type { HostKnowledge, OpenHost } from './host.js';
import type { HostSpec } from './spec.js';

/** Opens a hypervisor. The code that calls into Xen is loaded only here, when it is wanted. */
export async function openHost(spec: HostSpec, knowledge: HostKnowledge = {}): Promise<OpenHost> {
  if (spec.kind === 'embedded') return openEmbedded(spec.directory, knowledge.image ?? null);
  const { openRemote, openRunningXen } = await import('./running-xen.js');
  return spec.kind === 'remote' ? openRemote(spec.transport, knowledge) : openRunningXen(knowledge);
}

/** True where this machine is the control domain of a Xen. */
export async function isControlDomain(): Promise<boolean> {
  const { isDom0 } = await import('../hypervisor/xen/index.js');
  return isDom0();
}
