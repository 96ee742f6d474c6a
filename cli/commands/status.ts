import { EXIT, type Finding } from '../../core/findings/index.js';
import {
  damagedFindings,
  interruptedFinding,
  isSamePlace,
  leftovers,
  loadedState,
  openEntry,
  readSaved,
} from '../../core/store/index.js';
import { withExplanations } from '../explanations.js';
import { prometheusText } from '../formats/index.js';
import { MeantHost } from '../meant-host.js';
import { policyState } from '../policy-state.js';
import type { Session } from '../session.js';
import { waitingChange } from '../unconfirmed.js';
import { type HostStatus, renderStatus, statusFields } from '../views/status.js';

/**
 * Says in one screen whether a host is as it is wanted, and in one exit code: 0 as saved, 4 where it differs or something
 * is left over.
 */
export async function run(session: Session): Promise<number> {
  const { output, settings } = session;
  const host = new MeantHost(session);
  try {
    const { spec } = (await host.open()).port.host;
    const [present, tookBack] = await Promise.all([
      host.present(),
      host.open().then((open) => open.tookBack()),
    ]);
    const { buildId } = present.snapshot.hypervisor;
    const journal = await host.journal();
    const { entries, damaged } = await journal.read();
    const saved = buildId === null ? null : await readSaved(await host.folder(), buildId);
    const { applied } = loadedState(present.snapshot);
    const wanted = saved?.stack ?? [];
    const common = wanted.findIndex((one, index) => !isSamePlace(one, applied[index]));
    const kept = common < 0 ? wanted.length : common;
    const status: HostStatus = {
      ...{ host: spec, snapshot: present.snapshot, saved },
      missing: wanted.slice(kept),
      extra: applied.slice(kept),
      leftovers: leftovers(entries, present),
      last: entries.at(-1) ?? null,
      policy: await policyState(settings, host, applied),
      unconfirmed: await waitingChange(session, host, async () => ({ entries, present })),
    };
    const open = openEntry(entries);
    const findings: readonly Finding[] = [
      ...(tookBack === null ? [] : [tookBack.finding]),
      ...(open === null ? [] : [interruptedFinding(open, present.bootId, applied)]),
      ...damagedFindings(journal.path, damaged),
      ...status.policy.findings,
    ];
    const isAsWanted =
      open === null &&
      status.unconfirmed === null &&
      status.policy.findings.length === 0 &&
      [status.missing, status.extra, status.leftovers].every(({ length }) => length === 0);
    output.data(renderStatus(status, isAsWanted, output.style));
    output.findings(withExplanations(settings, findings));
    if (output.wants('prometheus'))
      output.report('prometheus', prometheusText(status, open !== null));
    output.document({
      ...{ ok: true, isAsWanted, ...statusFields(status) },
      findings: withExplanations(settings, findings),
    });
    return isAsWanted ? EXIT.done : EXIT.differs;
  } finally {
    await host.close();
  }
}
