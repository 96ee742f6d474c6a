import { nameText } from '../../core/abi/payload-name.js';
import { EXIT } from '../../core/findings/index.js';
import { openHost } from '../../core/host/index.js';
import { hostOf } from '../host.js';
import type { Session } from '../session.js';

/** A name that a shell takes as it is. */
const PLAIN = /^[\w.+@%-]+$/;

/**
 * For the completion of shells: the names, a line each, of loaded payloads that begin with a word; behind
 * the first letters of a build-id, those too. Names that a shell would have to quote are left out, and nothing is
 * proposed of another machine.
 */
export async function run({ settings, output, streams }: Session): Promise<number> {
  const [start = ''] = settings.words;
  const spec = await hostOf(settings, streams);
  // A shell that completes a word cannot wait for a connection, nor ask for a password.
  if (spec.kind === 'remote') return EXIT.done;
  const host = await openHost(spec);
  try {
    const { payloads } = await host.port.observe();
    const names = payloads.map(({ name }) => nameText(name)).filter((name) => PLAIN.test(name));
    const ids = start === '' ? [] : payloads.flatMap(({ buildId }) => buildId ?? []);
    output.data([...names, ...ids].filter((text) => text.startsWith(start)).join('\n'));
    return EXIT.done;
  } finally {
    await host.port.close();
  }
}
