import { EXIT, XspliceError } from '../../core/findings/index.js';
import { forgetUnconfirmed, readUnconfirmed, standingOf } from '../../core/store/index.js';
import { MeantHost } from '../meant-host.js';
import type { Session } from '../session.js';
import { logConfirmed } from '../syslog.js';
import { escapeText } from '../terminal/escape.js';

/** Keeps what waits to be confirmed. Decided with the host's lock: either this, or it is taken back. */
export async function run(session: Session): Promise<number> {
  const { output } = session;
  const host = new MeantHost(session);
  try {
    const { port } = await host.open();
    const entry = await port.exclusive(() => confirmed(host));
    const { spec } = port.host;
    logConfirmed(session, await host.spec(), spec, entry);
    output.info(`${output.style.bold('Host')}     ${escapeText(spec)}`);
    output.info(`Change ${entry} is confirmed: it stays.`);
    output.document({ ok: true, host: spec, confirmed: entry });
    return EXIT.done;
  } finally {
    await host.close();
  }
}

/** The number of the change. Fails with `confirm-nothing`. */
async function confirmed(host: MeantHost): Promise<number> {
  const folder = await host.folder();
  const waiting = await readUnconfirmed(folder);
  if (waiting === null) {
    throw new XspliceError('confirm-nothing', 'No change waits to be confirmed');
  }
  const { entries } = await (await host.journal()).read();
  const standing = standingOf(waiting, entries, await host.present());
  await forgetUnconfirmed(folder);
  if (standing !== 'over') return waiting.entry;
  throw new XspliceError(
    'confirm-nothing',
    `There is nothing left of change ${waiting.entry}: it was taken back, or the hypervisor booted since`,
  );
}
