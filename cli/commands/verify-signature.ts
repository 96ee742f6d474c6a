import { counted, EXIT, type Finding } from '../../core/findings/index.js';
import { readPayloadFiles, signaturesBeside } from '../../core/inputs/index.js';
import type { InputFile } from '../../core/payload/index.js';
import { answersOf, keyName, signatureFindings } from '../../core/signature/index.js';
import { withExplanations } from '../explanations.js';
import { trustedKeys } from '../policy.js';
import type { Session } from '../session.js';
import { renderTable } from '../terminal/table.js';
import { usage } from '../usage.js';

/** Says of each payload who signed it. Exit code 3: one is not signed by a trusted key; 1: one could not be read. */
export async function run({ settings, output }: Session): Promise<number> {
  const { keys, source } = await trustedKeys(settings);
  if (keys.length === 0) {
    throw usage(
      'verify-signature knows no key to trust: the policy names none',
      'Name public keys with --trusted-key FILE.',
    );
  }
  const { inputs, findings: unreadable } = readPayloadFiles(settings.words);
  const payloads = inputs.map((input) => judged(input));
  const found = withExplanations(settings, [
    ...unreadable,
    ...payloads.flatMap(({ findings }) => findings),
  ]);
  const { style } = output;
  const rows = payloads.map(({ file, by, isVerified }) => [
    isVerified ? { text: 'signed', paint: style.good } : { text: 'not trusted', paint: style.bad },
    { text: file, paint: style.bold },
    by,
  ]);
  if (rows.length > 0) output.info(renderTable(rows, style));
  output.findings(found);
  const rejected = payloads.filter(({ isVerified }) => !isVerified).length;
  const isOk = rejected === 0 && unreadable.length === 0;
  output.info(
    `${counted(payloads.length - rejected, 'payload')} signed by a trusted key, ${rejected} not`,
  );
  output.document({
    ok: isOk,
    payloads: payloads.map(({ file, sha256, isVerified, signatures }) => {
      return { file, sha256, isVerified, signatures };
    }),
    unreadable: unreadable.map(({ file, code, message }) => ({ file: file ?? '', code, message })),
    findings: found,
  });
  if (rejected > 0) return EXIT.rejected;
  return isOk ? EXIT.done : EXIT.failed;

  function judged(input: InputFile) {
    const { file, sha256 } = input;
    const beside = signaturesBeside(file);
    const answers = answersOf(input, beside, keys);
    const sent = { payload: input, sha256, beside };
    const findings: readonly Finding[] = signatureFindings(
      { name: file, buildId: null, sent },
      keys,
      source,
    );
    const verified = answers.find(({ state }) => state === 'verified');
    const signatures = answers.map(({ key, text: _, ...answer }) => {
      return { ...answer, key: key === null ? null : { file: key.file, id: key.id } };
    });
    const by = verified?.key == null ? '' : `by ${keyName(verified.key)}`;
    return { file, sha256, findings, signatures, by, isVerified: verified !== undefined };
  }
}
