import { nameText } from '../../core/abi/payload-name.js';
import type { HostStatus } from '../views/status.js';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

/** What node_exporter's textfile collector reads, without a time: the file's own is taken. */
export function prometheusText(status: HostStatus, isInterrupted: boolean): string {
  const { snapshot, missing, extra, leftovers, last, policy, unconfirmed } = status;
  const { version, buildId } = snapshot.hypervisor;
  const payloads = snapshot.payloads.map(
    ({ name, buildId: id, state, position }): Sample => [
      {
        name: nameText(name),
        build_id: id ?? '',
        state: state.toLowerCase(),
        position: position === null ? '' : String(position),
      },
      1,
    ],
  );
  const count = (wanted: string) =>
    snapshot.payloads.filter(({ state }) => state === wanted).length;
  const seconds = last === null ? Number.NaN : Date.parse(last.begin.at) / 1000;
  return [
    metric('xen_hypervisor_info', 'The hypervisor that runs.', [
      [{ version, build_id: buildId ?? '' }, 1],
    ]),
    metric('xen_livepatch_info', 'A payload that is loaded.', payloads),
    metric('xen_livepatch_payloads', 'Payloads that are loaded, by state.', [
      [{ state: 'applied' }, count('APPLIED')],
      [{ state: 'checked' }, count('CHECKED')],
    ]),
    metric('xen_livepatch_missing_payloads', 'Payloads that are saved and not applied.', [
      [{}, missing.length],
    ]),
    metric('xen_livepatch_unsaved_payloads', 'Payloads that are applied and not saved.', [
      [{}, extra.length],
    ]),
    metric('xen_livepatch_leftover_payloads', 'Payloads that failed changes have left.', [
      [{}, leftovers.length],
    ]),
    metric('xen_livepatch_change_interrupted', 'Whether the last change never ended.', [
      [{}, Number(isInterrupted)],
    ]),
    metric('xen_livepatch_policy_violations', 'What the policy has against what is applied.', [
      [{}, policy.findings.length],
    ]),
    metric('xen_livepatch_change_unconfirmed', 'Whether a change waits to be confirmed.', [
      [{}, Number(unconfirmed !== null)],
    ]),
    metric(
      'xen_livepatch_change_unconfirmed_seconds',
      'Until the unconfirmed change is taken back; absent where nobody takes it back.',
      unconfirmed?.secondsLeft == null ? [] : [[{}, unconfirmed.secondsLeft]],
    ),
    metric(
      'xen_livepatch_last_change_timestamp_seconds',
      'When the last change began.',
      Number.isFinite(seconds) ? [[{}, seconds]] : [],
    ),
  ]
    .filter((text) => text !== '')
    .join('\n');
}

/** Empty where there is no sample. */
function metric(name: string, help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines].join('\n');
}

/** The format knows three escapes (prometheus.io, exposition formats). */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
