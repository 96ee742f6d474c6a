import { readPayloadInputs } from '../../core/payload/index.js';
import { entryToUndo, keptFiles } from '../../core/store/index.js';
import { MeantHost } from '../meant-host.js';
import { runChange } from '../run-change.js';
import type { Session } from '../session.js';

/** Plans the way back from the last change, and goes it. Undone again, the change is there again. */
export async function run(session: Session): Promise<number> {
  const host = new MeantHost(session);
  try {
    const { begin, number } = entryToUndo(
      (await (await host.journal()).read()).entries,
      await host.present(),
    );
    const { before: target } = begin;
    const inputs = await keptFiles(await host.store(), [...target.applied, ...target.others]);
    const payloads = readPayloadInputs(inputs);
    return await runChange(session, {
      meant: host,
      request: async () => ({ verb: 'return', command: 'undo', target, payloads }),
      dryRun: session.settings.dryRun,
      undoes: number,
    });
  } finally {
    await host.close();
  }
}
