import { XspliceError } from '../core/findings/index.js';
import {
  embeddedDirectory,
  type HostKnowledge,
  type HostSpec,
  isControlDomain,
  parseHostSpec,
  withQuestions,
} from '../core/host/index.js';
import { openImage } from '../core/inputs/index.js';
import { releaseOf } from './release.js';
import type { Settings } from './settings.js';
import type { Streams } from './terminal/streams.js';
import { usage } from './usage.js';

/**
 * The hypervisor that a command is about: --host, else XSPLICE_HOST, else Xen where this is a dom0. An embedded
 * one is meant only where it is named. Fails with `no-host` (exit code 64) where none is meant.
 */
export async function hostOf(
  { host }: Pick<Settings, 'host'>,
  { env, stdin }: Pick<Streams, 'env' | 'stdin'>,
): Promise<HostSpec> {
  const asked = host ?? nonEmpty(env['XSPLICE_HOST']);
  if (asked !== null) {
    const spec = parseHostSpec(asked);
    return stdin.isTTY === true ? withQuestions(spec) : spec;
  }
  if (await isControlDomain()) return { kind: 'xen' };
  throw new XspliceError(
    'no-host',
    'Which hypervisor is meant? None was named, and this machine is not the control domain of a Xen',
  );
}

/** What --image and --xen tell of the hypervisor. Fails with `usage` where the hypervisor knows better. */
export function hostKnowledge(
  { image, xen }: Pick<Settings, 'image' | 'xen'>,
  spec: HostSpec,
): HostKnowledge {
  const release = releaseOf(xen);
  if (embeddedDirectory(spec) !== null && release !== null) {
    throw usage(
      '--xen would have no effect: an embedded hypervisor has the rules that it was created with',
      'Leave out --xen, or create another hypervisor with xsplice-ts init --xen.',
    );
  }
  return { image: image === null ? null : openImage(image), release };
}

function nonEmpty(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}
