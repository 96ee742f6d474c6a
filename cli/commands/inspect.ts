import * as elf from '../../core/elf/index.js';
import { EXIT, type Finding, XspliceError } from '../../core/findings/index.js';
import { readImage } from '../../core/image/index.js';
import { readImageFile } from '../../core/inputs/index.js';
import { findingsOf, readPayload } from '../../core/payload/index.js';
import { withExplanations } from '../explanations.js';
import type { Session } from '../session.js';
import { renderFindings } from '../views/findings.js';
import { imageFields, renderImage } from '../views/inspect-image.js';
import { payloadFields, renderPayload } from '../views/inspect-payload.js';

/** Shows what is in payloads and images. A file that cannot be read does not keep the others from it. */
export async function run({ settings, output }: Session): Promise<number> {
  const { style, verbose } = output;
  const files: Readonly<Record<string, unknown>>[] = [];
  const failures: Finding[] = [];
  for (const file of settings.words) {
    try {
      const bytes = readImageFile(file);
      if (looksLikeImage(bytes)) {
        const image = readImage(bytes, file);
        files.push(imageFields(image, verbose));
        output.data(renderImage(image, style, verbose));
      } else {
        const payload = readPayload(bytes, file);
        files.push(payloadFields(payload));
        output.data(renderPayload(payload, style, verbose));
      }
    } catch (error) {
      if (!(error instanceof XspliceError)) throw error;
      const findings = withExplanations(settings, findingsOf(error, file));
      failures.push(...findings);
      output.notes.line(renderFindings(findings, output.notes.style));
    }
  }
  output.document({ ok: failures.length === 0, files, findings: failures });
  return failures.length === 0 ? EXIT.done : EXIT.failed;
}

/** gzip, PE, or an ELF file that is a program. Everything else is looked at as a payload. */
function looksLikeImage(bytes: Uint8Array): boolean {
  const [first, second] = bytes;
  if (first === 0x1f && second === 0x8b) return true;
  if (first === 0x4d && second === 0x5a) return true;
  if (!elf.looksLikeElf(bytes) || bytes.length < 18) return false;
  const type = new DataView(bytes.buffer, bytes.byteOffset).getUint16(16, true);
  return type === elf.ET.EXEC || type === elf.ET.DYN;
}
