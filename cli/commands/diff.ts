import { nameText } from '../../core/abi/payload-name.js';
import { type Difference, differencesOf, stackDifferences } from '../../core/difference/index.js';
import { EXIT, XspliceError } from '../../core/findings/index.js';
import { type HostSpec, hostText, openHost } from '../../core/host/index.js';
import { stackOf } from '../../core/hypervisor/index.js';
import { readEveryPayloadFile } from '../../core/inputs/index.js';
import { type PayloadInput, readPayloadInputs } from '../../core/payload/index.js';
import { checkChain } from '../../core/stack/index.js';
import { hostKnowledge, hostOf } from '../host.js';
import type { Session } from '../session.js';
import { escapeText } from '../terminal/escape.js';
import { renderTable } from '../terminal/table.js';
import { usage } from '../usage.js';

/** Says in what two payloads or two folders of them differ, or a chain and what a host has applied. */
export async function run(session: Session): Promise<number> {
  const { settings, output } = session;
  const [first, second, ...others] = settings.words;
  if (first === undefined || others.length > 0) {
    throw usage('diff takes two files or folders, or one and --host');
  }
  if (second !== undefined && settings.host !== null) {
    throw usage('diff takes two files or folders, or one and --host; both were given');
  }
  const left = readAll(first);
  const spec = second === undefined ? await hostOf(settings, session.streams) : null;
  const found =
    spec === null
      ? differencesOf(left, readAll(second ?? ''))
      : await withHost(session, spec, left);
  const rows = found.map(({ kind, payload, name, left: a, right: b }) => [
    payload === null ? '' : nameText(payload),
    kind,
    nameText(name),
    a === null ? 'is not there' : nameText(a),
    '→',
    b === null ? 'is not there' : nameText(b),
  ]);
  output.data(
    rows.length === 0
      ? output.style.good('There is no difference.')
      : renderTable(rows, output.style),
  );
  const host = spec === null ? {} : { host: hostText(spec) };
  output.document({
    ok: true,
    ...host,
    isEqual: found.length === 0,
    differences: found.map(fieldsOf),
  });
  return found.length === 0 ? EXIT.done : EXIT.differs;
}

function readAll(path: string): readonly PayloadInput[] {
  return readPayloadInputs(readEveryPayloadFile([path]));
}

async function withHost(
  { settings, output }: Session,
  spec: HostSpec,
  payloads: readonly PayloadInput[],
): Promise<readonly Difference[]> {
  const host = await openHost(spec, hostKnowledge(settings, spec));
  try {
    const snapshot = await host.port.observe();
    const { buildId } = snapshot.hypervisor;
    if (buildId === null) {
      throw new XspliceError(
        'hypervisor-no-build-id',
        'The hypervisor has no build-id to chain on',
      );
    }
    const { chain } = checkChain(
      payloads.map(({ planned }) => planned),
      buildId,
    );
    if (chain.length < payloads.length) {
      throw new XspliceError(
        'not-a-chain',
        `${escapeText(settings.words[0] ?? '')} is no chain on this hypervisor: ${chain.length} of ${payloads.length} have a place`,
      );
    }
    const byFile = new Map(payloads.map((one) => [one.planned.file, one]));
    const ordered = chain.flatMap(({ file }) => byFile.get(file) ?? []);
    output.data(`Left: the files. Right: ${escapeText(hostText(spec))}, base first.`);
    return stackDifferences(ordered, stackOf(snapshot));
  } finally {
    await host.port.close();
  }
}

function fieldsOf({ kind, payload, name, left, right }: Difference) {
  const text = (value: string | null) => (value === null ? null : nameText(value));
  return {
    kind,
    payload: text(payload),
    name: nameText(name),
    left: text(left),
    right: text(right),
  };
}
