import {
  type DangerCode,
  type Finding,
  finding,
  isDanger,
  XspliceError,
} from '../findings/index.js';

/** Most dangers that one sentence names. */
const NAMED_DANGERS = 6;

/** Stands for the payload where a danger is of the host. */
const NOBODY = '?';

/** A danger that the caller lets pass. */
export interface Acceptance {
  readonly code: DangerCode;
  /** The payload's name on the host, as list shows it; null where only one payload has the danger. */
  readonly payload: string | null;
}

/**
 * Reads `CODE` or `CODE=NAME`. Fails with `bad-accept` (exit code 64) where the code is none of a danger:
 * whatever else stops a change is not to be let pass.
 */
export function parseAcceptance(text: string): Acceptance {
  const [code = '', ...name] = text.split('=');
  if (!isDanger(code) || (name.length > 0 && name.join('=') === '')) {
    throw new XspliceError(
      'bad-accept',
      `--accept takes the code of a danger, or CODE=NAME; it is ${JSON.stringify(text)}`,
    );
  }
  return { code, payload: name.length === 0 ? null : name.join('=') };
}

/** Findings, of which those that are let pass weigh as warnings, and those that were. */
export interface Judged {
  readonly findings: readonly Finding[];
  readonly accepted: readonly Finding[];
}

/**
 * Lets dangers pass that would stop a change. What fits nothing is noted. Fails with `bad-accept` where a code
 * without a name fits more than one payload: which one is known to be harmless is not told then.
 */
export function acceptDangers(
  findings: readonly Finding[],
  acceptances: readonly Acceptance[],
): Judged {
  for (const { code, payload } of acceptances) {
    if (payload !== null) continue;
    const names = new Set(findings.filter((f) => isStopping(f) && f.code === code).map(payloadOf));
    if (names.size < 2) continue;
    const each = [...names].map((name) => `--accept ${code}=${name}`).join(' ');
    throw new XspliceError('bad-accept', `${names.size} payloads have ${code}: say of which`, {
      hint: `For all of them: ${each}`,
    });
  }
  const accepted: Finding[] = [];
  const used = new Set<Acceptance>();
  const judged = findings.map((found): Finding => {
    if (!isStopping(found)) return found;
    const fitting = acceptances.filter((one) => fits(one, found));
    if (fitting.length === 0) return found;
    for (const one of fitting) used.add(one);
    const passed: Finding = { ...found, severity: 'warning', accepted: true };
    accepted.push(passed);
    return passed;
  });
  const unused = acceptances.filter((one) => !used.has(one)).map(unusedNote);
  return { findings: [...judged, ...unused], accepted };
}

/** Why a change with these findings is not made, and how to mend it; null where nothing stops it. */
export function refusalOfDangers(findings: readonly Finding[]): XspliceError | null {
  const stopping = findings.filter(isStopping);
  if (stopping.length === 0) return null;
  const namesOf = new Map<string, Set<string>>();
  for (const found of stopping) {
    const names = namesOf.get(found.code) ?? new Set();
    namesOf.set(found.code, names.add(payloadOf(found)));
  }
  const dangers = [...namesOf].flatMap(([code, names]) =>
    [...names].map((name) => ({
      text: name === NOBODY ? code : `${code} of ${name}`,
      option: `--accept ${code}${names.size > 1 ? `=${name}` : ''}`,
    })),
  );
  const more = dangers.length - NAMED_DANGERS;
  const shown = dangers.slice(0, NAMED_DANGERS).map(({ text }) => text);
  const rest = more > 0 ? `, and ${more} more` : '';
  return new XspliceError(
    'not-accepted',
    `Nothing was changed: there is a danger that is not accepted, ${shown.join(', ')}${rest}`,
    {
      hint: `Who knows that it does no harm adds: ${dangers.map(({ option }) => option).join(' ')}`,
    },
  );
}

function isStopping({ code, severity }: Finding): boolean {
  return severity === 'error' && isDanger(code);
}

function fits({ code, payload }: Acceptance, found: Finding): boolean {
  return code === found.code && (payload === null || payload === payloadOf(found));
}

function payloadOf({ payload }: Finding): string {
  return payload ?? NOBODY;
}

function unusedNote({ code, payload }: Acceptance): Finding {
  const whose = payload === null ? '' : ` of ${payload}`;
  return finding('accept-unused', { message: `There is no ${code}${whose} to accept` });
}
