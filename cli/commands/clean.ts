import { EXIT } from '../../core/findings/index.js';
import { leftovers } from '../../core/store/index.js';
import { MeantHost } from '../meant-host.js';
import { runChange } from '../run-change.js';
import type { Session } from '../session.js';

/** Unloads what changes that failed or never ended have left loaded. */
export async function run(session: Session): Promise<number> {
  const { output, settings } = session;
  const host = new MeantHost(session);
  try {
    const { entries } = await (await host.journal()).read();
    const left = leftovers(entries, await host.present());
    if (left.length > 0) {
      const names = left.map(({ buildId, name }) => buildId ?? name);
      return await runChange(session, {
        meant: host,
        request: async () => ({ verb: 'unload', names }),
        dryRun: settings.dryRun,
      });
    }
    const { spec } = (await host.open()).port.host;
    output.info('Nothing is left over.');
    output.document({ ok: true, host: spec, executed: false, findings: [] });
    return EXIT.done;
  } finally {
    await host.close();
  }
}
