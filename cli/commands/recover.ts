import { EXIT } from '../../core/findings/index.js';
import { readPayloadInputs } from '../../core/payload/index.js';
import {
  entryToRecover,
  isOfThisBoot,
  isSameState,
  type JournalEntry,
  keptFiles,
  loadedState,
  type Present,
  stateText,
} from '../../core/store/index.js';
import { MeantHost } from '../meant-host.js';
import { runChange } from '../run-change.js';
import type { Session } from '../session.js';
import { escapeText } from '../terminal/escape.js';

/** Completes a change that never ended, or takes it back. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  const host = new MeantHost(session);
  try {
    const journal = await host.journal();
    const open = entryToRecover((await journal.read()).entries);
    if (open === null)
      return ended(session, host, null, 'Each change has ended: there is nothing to recover.');
    const present = await host.present();
    const { before, planned } = open.begin;
    const target = settings.back ? before : planned;
    const now = loadedState(present.snapshot);
    const why =
      whyOver(open, present) ??
      (isSameState(target, now) ? 'What is loaded is what was wanted.' : null);
    if (why !== null) {
      if (!settings.dryRun) {
        const closed = {
          kind: 'closed',
          entry: open.number,
          at: new Date().toISOString(),
        } as const;
        await journal.write([{ ...closed, bootId: present.bootId, found: now }]);
      }
      return ended(session, host, open, why);
    }
    const inputs = await keptFiles(await host.store(), [...target.applied, ...target.others]);
    const payloads = readPayloadInputs(inputs);
    return await runChange(session, {
      meant: host,
      request: async () => ({ verb: 'return', command: 'recover', target, payloads }),
      dryRun: settings.dryRun,
    });
  } finally {
    await host.close();
  }
}

/** Why there is nothing left of it; null where there may be. */
function whyOver(open: JournalEntry, present: Present): string | null {
  if (isOfThisBoot(open, present)) return null;
  return 'The hypervisor booted since: what the change had done is gone. A saved stack is brought back with restore.';
}

async function ended(
  { output }: Session,
  host: MeantHost,
  open: JournalEntry | null,
  text: string,
): Promise<number> {
  const { snapshot } = await host.present();
  const { spec } = (await host.open()).port.host;
  if (open !== null) {
    const { begin, number } = open;
    output.info(
      escapeText(
        `Change ${number} (${begin.verb}, ${begin.at}) meant: ${stateText(begin.planned)}`,
      ),
    );
    output.info(escapeText(`Now: ${stateText(loadedState(snapshot))}`));
  }
  output.info(text);
  output.document({
    ok: true,
    host: spec,
    recovered: open?.number ?? null,
    executed: false,
    findings: [],
  });
  return EXIT.done;
}
