import { EXIT } from '../../core/findings/index.js';
import { openHost } from '../../core/host/index.js';
import { stalePayloads } from '../../core/verify/index.js';
import { hostOf } from '../host.js';
import type { Session } from '../session.js';
import { listFields, renderList } from '../views/list.js';

/** Shows the stack of payloads, and what is loaded beside it. */
export async function run({ settings, output, streams }: Session): Promise<number> {
  const host = await openHost(await hostOf(settings, streams));
  try {
    const snapshot = await host.port.observe();
    const { spec, tellsReverted } = host.port.host;
    const model = tellsReverted ? (await host.preflightModel(snapshot, [])).model : null;
    const stale = model === null ? new Set<string>() : stalePayloads(model);
    output.data(renderList(spec, snapshot, stale, output.style, output.verbose));
    output.document(listFields(spec, snapshot, stale));
    return EXIT.done;
  } finally {
    await host.port.close();
  }
}
