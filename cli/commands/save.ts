import { counted, EXIT, XspliceError } from '../../core/findings/index.js';
import { pending, stackToSave, stateText, writeSaved } from '../../core/store/index.js';
import { MeantHost } from '../meant-host.js';
import type { Session } from '../session.js';
import { escapeText } from '../terminal/escape.js';
import { waitingChange } from '../unconfirmed.js';
import { savedFields } from '../views/saved.js';

/** Keeps the stack of now as what is wanted after each boot of this build of the hypervisor. */
export async function run(session: Session): Promise<number> {
  const { output } = session;
  const host = new MeantHost(session);
  try {
    const present = await host.present();
    const { buildId } = present.snapshot.hypervisor;
    if (buildId === null) {
      throw new XspliceError(
        'hypervisor-no-build-id',
        'The hypervisor has no build-id to save a stack for',
      );
    }
    const { entries } = await (await host.journal()).read();
    const waiting = await waitingChange(session, host, async () => ({ entries, present }));
    // What cuts off the way to the host would come back at each boot.
    if (waiting !== null && waiting.state !== 'overtaken') {
      throw pending(waiting, 'Nothing was saved: ');
    }
    const saved = await stackToSave(await host.store(), entries, present, buildId);
    await writeSaved(await host.folder(), saved);
    const { spec } = (await host.open()).port.host;
    output.info(`${output.style.bold('Host')}     ${escapeText(spec)}`);
    const names = stateText({ applied: saved.stack, others: [] });
    output.info(
      escapeText(
        `Saved for the hypervisor ${buildId}: ${counted(saved.stack.length, 'payload')}, ${names}`,
      ),
    );
    output.document({ ok: true, host: spec, saved: savedFields(saved) });
    return EXIT.done;
  } finally {
    await host.close();
  }
}
