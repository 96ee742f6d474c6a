import { nameText } from '../../core/abi/payload-name.js';
import { EXIT, XspliceError } from '../../core/findings/index.js';
import {
  embeddedDirectory,
  modelFromImage,
  modelWithApplied,
  openHost,
} from '../../core/host/index.js';
import type { HypervisorImage } from '../../core/image/index.js';
import { openImage, readEveryPayloadFile } from '../../core/inputs/index.js';
import {
  type EffectiveCode,
  effectiveCode,
  type HiddenPayload,
  hiddenPayloads,
  hidingOf,
  readBaseCode,
  runningCode,
} from '../../core/oldcode/index.js';
import { readPayloadInputs } from '../../core/payload/index.js';
import type { Model } from '../../core/verify/index.js';
import { hostKnowledge, hostOf } from '../host.js';
import { releaseOf } from '../release.js';
import type { Session } from '../session.js';
import type { Settings } from '../settings.js';
import { escapeText } from '../terminal/escape.js';
import type { Streams } from '../terminal/streams.js';
import { usage } from '../usage.js';
import { renderWhich, whichFields } from '../views/which.js';

/** A hypervisor with its payloads, and what was said to name it. */
interface Subject {
  readonly image: HypervisorImage;
  readonly model: Model;
  /** A host, or an image file. */
  readonly text: string;
  /** Applied payloads whose contents are not known. */
  readonly hidden: readonly HiddenPayload[];
  /** Where payloads lie was worked out, not seen. */
  readonly isPlaceComputed: boolean;
}

/** Says of symbols and addresses which code is meant, whose it is, and which code runs now. */
export async function run({ settings, output, streams }: Session): Promise<number> {
  const subject = await subjectOf(settings, streams);
  const code = runningCode(readBaseCode(subject.image), subject.model);
  const answers = settings.words.map((word) => {
    const answer = effectiveCode(code, askedBy(word));
    return [word, answer, hidingOf(code, answer, subject.hidden)] as const;
  });
  const opaque = subject.hidden.map(({ name }) => nameText(name));
  output.data(`${output.style.bold('Host')}     ${escapeText(subject.text)}`);
  const warn = (what: string, text: string) =>
    output.notes.line(`${output.notes.style.warn(what)}: ${escapeText(text)}`);
  if (opaque.length > 0) {
    const names = opaque.join(', ');
    warn('not known', `The code of ${names} is not known: name the files with --on`);
  }
  if (subject.isPlaceComputed && answers.some(([, answer]) => isAboutPayload(answer))) {
    warn(
      'computed',
      'Payloads are taken to lie one behind the other. Where one was unloaded since, Xen may have put later ones elsewhere: its debug key x prints where.',
    );
  }
  for (const [word, answer, hiding] of answers) {
    output.data(renderWhich(word, answer, hiding, output.style));
  }
  output.document({
    ok: true,
    host: subject.text,
    hypervisor: { buildId: subject.model.buildId },
    opaque,
    answers: answers.map(([word, answer, hiding]) => whichFields(word, answer, hiding)),
  });
  return EXIT.done;
}

function isAboutPayload({ owner, history }: EffectiveCode): boolean {
  return owner !== null || history.length > 1;
}

/** With an image and no host named: the image with --on applied. Else the host as it is. */
async function subjectOf(settings: Settings, streams: Streams): Promise<Subject> {
  const payloads = readPayloadInputs(readEveryPayloadFile(settings.on));
  if (settings.image !== null && settings.host === null) {
    const image = openImage(settings.image);
    const { model } = modelFromImage(image, releaseOf(settings.xen));
    const applied = modelWithApplied(model, payloads);
    return { image, model: applied, text: image.file, hidden: [], isPlaceComputed: false };
  }
  const spec = await hostOf(settings, streams);
  if (embeddedDirectory(spec) !== null && payloads.length > 0) {
    throw usage(
      '--on would have no effect: an embedded hypervisor knows what it has applied',
      'Leave out --on, or ask about an image with --image and no --host.',
    );
  }
  const host = await openHost(spec, hostKnowledge(settings, spec));
  try {
    const snapshot = await host.port.observe();
    const copy = await host.preflightModel(snapshot, payloads);
    if (copy.model === null) {
      throw new XspliceError('host-no-model', `Which code runs is not known: ${copy.why}`, {
        hint: 'Name the image that was booted with --image.',
      });
    }
    const { model, opaque } = copy;
    const hidden = hiddenPayloads(snapshot, opaque);
    const { spec: text, tellsPlaces } = host.port.host;
    return { image: await copy.image(), model, text, hidden, isPlaceComputed: !tellsPlaces };
  } finally {
    await host.port.close();
  }
}

/** Addresses are as Xen prints them in a crash: 16 digits, or with 0x. All else is a name. */
function askedBy(word: string): string | bigint {
  const digits = /^0x([0-9a-f]{1,16})$/i.exec(word)?.[1] ?? /^[0-9a-f]{16}$/i.exec(word)?.[0];
  return digits === undefined ? word : BigInt(`0x${digits}`);
}
