import { EXIT, XspliceError } from '../../core/findings/index.js';
import { damagedFindings, type JournalContents } from '../../core/store/index.js';
import { withExplanations } from '../explanations.js';
import { MeantHost } from '../meant-host.js';
import type { Session } from '../session.js';
import { escapeText } from '../terminal/escape.js';
import { usage } from '../usage.js';
import { entryFields, renderEntry, renderHistory } from '../views/history.js';

/** Shows what was changed on a host, by whom and with what outcome; or all of one change. */
export async function run(session: Session): Promise<number> {
  const { settings, output } = session;
  const number = numberIn(settings.words);
  const host = new MeantHost(session);
  try {
    const journal = await host.journal();
    const open = await host.open();
    const { spec } = open.port.host;
    // Both at once: the way to a host may be long.
    const [contents, tookBack] = await Promise.all([journal.read(), open.tookBack()]);
    const entries = entriesFor(contents, number);
    const findings = [
      ...(tookBack === null ? [] : [tookBack.finding]),
      ...damagedFindings(journal.path, contents.damaged),
    ];
    output.data(`${output.style.bold('Host')}     ${escapeText(spec)}`);
    const [only] = entries;
    if (number !== null && only !== undefined) output.data(renderEntry(only, output.style));
    else if (only === undefined)
      output.data('Nothing was changed yet, as far as this program knows.');
    else output.data(renderHistory(entries, output.style));
    output.findings(withExplanations(settings, findings));
    output.document({
      ...{ ok: true, host: spec, journal: journal.path, entries: entries.map(entryFields) },
      findings: withExplanations(settings, findings),
    });
    return EXIT.done;
  } finally {
    await host.close();
  }
}

/** Null where all are meant. */
function numberIn([word, text, ...others]: readonly string[]): number | null {
  if (word === undefined) return null;
  if (word === 'show' && text !== undefined && /^\d{1,9}$/.test(text) && others.length === 0) {
    return Number(text);
  }
  throw usage('history takes nothing, or show NUMBER');
}

function entriesFor({ entries }: JournalContents, number: number | null) {
  if (number === null) return entries;
  const found = entries.filter((entry) => entry.number === number);
  if (found.length > 0) return found;
  const [first, last] = [entries.at(0)?.number, entries.at(-1)?.number];
  const there = first === undefined ? 'it is empty' : `it has ${first} to ${last}`;
  throw new XspliceError('journal-no-entry', `The journal has no change ${number}: ${there}`);
}
