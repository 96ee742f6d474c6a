import { EXIT, openHost, stalePayloads } from '../../core/index.js';
import { hostOf } from '../host.js';
import { listFields, renderList } from '../render/list.js';
import type { Session } from '../session.js';

/** Shows the stack of payloads, and what is loaded beside it. */
export async function run({ settings, output }: Session): Promise<number> {
  const host = await openHost(await hostOf(settings), null);
  try {
    const snapshot = await host.port.observe();
    const { model } = await host.preflightModel(snapshot);
    const stale = model === null ? new Set<string>() : stalePayloads(model);
    const { spec } = host.port.host;
    output.data(renderList(spec, snapshot, stale, output.style, output.verbose));
    output.document(listFields(spec, snapshot, stale));
    return EXIT.done;
  } finally {
    await host.port.close();
  }
}
