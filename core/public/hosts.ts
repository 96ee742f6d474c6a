/**
 * Hypervisors that can be asked and changed: the Xen under this dom0, and embedded ones that need no Xen.
 *
 * @example
 * ```ts
 * import { openHost, parseHostSpec } from 'xsplice-ts/hosts';
 *
 * const host = await openHost(parseHostSpec('embedded:./try'));
 * const { hypervisor, payloads } = await host.port.observe();
 * console.log(hypervisor.version, payloads.map(({ name, state }) => `${name} ${state}`));
 * await host.port.close();
 * ```
 *
 * @packageDocumentation
 */
export {
  type CreatedHost,
  type CreateOptions,
  createEmbedded,
  type HostKnowledge,
  type HostSpec,
  type OpenHost,
  openHost,
  parseHostSpec,
} from '../host/index.js';
export type { HypervisorPort, LoadedPayload, Snapshot } from '../hypervisor/index.js';
