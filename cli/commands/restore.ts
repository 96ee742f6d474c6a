import { nameText } from '../../core/abi/payload-name.js';
import type { ChangeRequest } from '../../core/change/index.js';
import { EXIT, type Finding, finding, isDanger, XspliceError } from '../../core/findings/index.js';
import { readPayloadInputs } from '../../core/payload/index.js';
import {
  isSamePlace,
  keptFiles,
  type LoadedState,
  loadedState,
  readSaved,
  type SavedPayload,
  type SavedStack,
  stateText,
  untriedAgain,
} from '../../core/store/index.js';
import { withExplanations } from '../explanations.js';
import { MeantHost } from '../meant-host.js';
import { runChange } from '../run-change.js';
import type { Session } from '../session.js';
import { escapeText } from '../terminal/escape.js';

/**
 * Applies what is missing of the saved stack. It asks nothing: to save it was to consent. What a restore before did not
 * survive is left out, with what builds on it (exit code 4).
 */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  const host = new MeantHost(session);
  try {
    const present = await host.present();
    const { buildId } = present.snapshot.hypervisor;
    const saved = buildId === null ? null : await readSaved(await host.folder(), buildId);
    if (saved === null) return nothing(session, host, 'Nothing is saved for this hypervisor.', []);
    const missing = missingOf(saved, loadedState(present.snapshot).applied);
    const { entries } = await (await host.journal()).read();
    const fatal = untriedAgain(saved, entries, present.bootId);
    const at = fatal === null ? -1 : missing.indexOf(fatal);
    const untried = at < 0 ? [] : missing.slice(at);
    const wanted = missing.filter((one) => !untried.includes(one));
    const left = untried.length === 0 ? [] : [blockedFinding(untried)];
    if (wanted.length === 0) {
      return nothing(
        session,
        host,
        missing.length === 0 ? 'The saved stack is applied.' : 'Nothing else is missing.',
        left,
      );
    }
    const request = await requestFor(saved, wanted, host);
    const asked = { ...settings, yes: true, accept: [...settings.accept, ...acceptedOf(saved)] };
    const code = await runChange(
      { ...session, settings: asked },
      { meant: host, request: async () => request, dryRun: settings.dryRun, foretold: left },
    );
    return code === EXIT.done && left.length > 0 ? EXIT.differs : code;
  } finally {
    await host.close();
  }
}

/** What is to be applied on top of what is. Fails with `restore-differs` where that is no part of what was saved. */
function missingOf(
  { stack }: SavedStack,
  applied: LoadedState['applied'],
): readonly SavedPayload[] {
  const common = applied.every(
    (one, index) => stack[index] === undefined || isSamePlace(one, stack[index]),
  );
  if (common) return stack.slice(applied.length);
  throw new XspliceError(
    'restore-differs',
    `Applied is ${stateText({ applied, others: [] })}, and saved was ${stateText({ applied: stack, others: [] })}`,
  );
}

async function requestFor(
  { stack }: SavedStack,
  wanted: readonly SavedPayload[],
  host: MeantHost,
): Promise<ChangeRequest> {
  const inputs = await keptFiles(await host.store(), wanted);
  const files = wanted.flatMap(({ sha256, name }) =>
    inputs.filter((input) => input.sha256 === sha256).map((input) => ({ ...input, name })),
  );
  if (files.length < wanted.length) {
    const there = files.map(({ sha256 }) => sha256);
    const gone = wanted
      .filter(({ sha256 }) => !there.includes(sha256))
      .map(({ name }) => nameText(name));
    throw new XspliceError(
      'return-lacks-payload',
      `The files of ${gone.join(', ')} are not in the store any more`,
    );
  }
  const guard = stack[0]?.guard ?? 'build-id';
  const check = guard === 'nodeps' ? 'build-id' : guard;
  return { verb: 'apply', payloads: readPayloadInputs(files), check, nodeps: guard === 'nodeps' };
}

function acceptedOf({ accepted }: SavedStack): readonly string[] {
  return accepted
    .filter(({ code }) => isDanger(code))
    .map(({ code, payload }) => (payload === null ? code : `${code}=${payload}`));
}

function blockedFinding(untried: readonly SavedPayload[]): Finding {
  const [first, ...others] = untried.map(({ name }) => nameText(name));
  const more = others.length === 0 ? '' : `, and ${others.join(', ')} with it`;
  return finding('restore-blocked', {
    message: `${first} is not applied${more}: an earlier restore ended at it without a word`,
  });
}

async function nothing(
  { output, settings }: Session,
  host: MeantHost,
  text: string,
  findings: readonly Finding[],
): Promise<number> {
  const { spec } = (await host.open()).port.host;
  output.info(`${output.style.bold('Host')}     ${escapeText(spec)}`);
  output.info(text);
  output.findings(withExplanations(settings, findings));
  output.document({
    ok: true,
    host: spec,
    executed: false,
    findings: withExplanations(settings, findings),
  });
  return findings.length === 0 ? EXIT.done : EXIT.differs;
}
