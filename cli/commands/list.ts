import { EXIT, errorFrom, type Finding, finding } from '../../core/findings/index.js';
import { interruptedFinding, loadedState, type Present } from '../../core/store/index.js';
import { stalePayloads } from '../../core/verify/index.js';
import { MeantHost } from '../meant-host.js';
import type { Session } from '../session.js';
import { escapeText } from '../terminal/escape.js';
import { type WaitingChange, waitingChange } from '../unconfirmed.js';
import { listFields, renderList } from '../views/list.js';
import { waitingFields, waitingText } from '../views/unconfirmed.js';

/** Shows the stack of payloads, what is loaded beside it, and a change that is not over. */
export async function run(session: Session): Promise<number> {
  const { output } = session;
  const meant = new MeantHost(session);
  try {
    const host = await meant.open();
    // All at once: the way to a host may be long.
    const seen = meant.present();
    const [present, tookBack, { waiting, findings: open }] = await Promise.all([
      seen,
      host.tookBack(),
      unfinished(session, meant, seen),
    ]);
    const { snapshot } = present;
    const { spec, tellsReverted } = host.port.host;
    const model = tellsReverted ? (await host.preflightModel(snapshot, [])).model : null;
    const stale = model === null ? new Set<string>() : stalePayloads(model);
    const findings = [...(tookBack === null ? [] : [tookBack.finding]), ...open];
    output.data(renderList(spec, snapshot, stale, output.style, output.verbose));
    if (waiting !== null) output.data(output.style.warn(escapeText(waitingText(waiting))));
    output.findings(findings);
    output.document({
      ...listFields(spec, snapshot, stale),
      ...{ unconfirmed: waitingFields(waiting), findings },
    });
    return EXIT.done;
  } finally {
    await meant.close();
  }
}

/** A change that waits to be confirmed, and one that never ended. A journal that cannot be read keeps nothing from being listed. */
async function unfinished(
  session: Session,
  meant: MeantHost,
  seen: Promise<Present>,
): Promise<{ readonly waiting: WaitingChange | null; readonly findings: readonly Finding[] }> {
  try {
    const journal = await meant.journal();
    const read = async () => ({ entries: (await journal.read()).entries, present: await seen });
    const [open, waiting] = await Promise.all([
      journal.unended(),
      waitingChange(session, meant, read),
    ]);
    const { snapshot, bootId } = await seen;
    const { applied } = loadedState(snapshot);
    return { waiting, findings: open === null ? [] : [interruptedFinding(open, bootId, applied)] };
  } catch (error) {
    const { code, message } = errorFrom(error);
    return { waiting: null, findings: [{ ...finding(code, { message }), severity: 'warning' }] };
  }
}
