import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { shortId } from '../../core/abi/ids.js';
import { EXIT, XspliceError } from '../../core/findings/index.js';
import { embeddedDirectory, hostText, modelFromImage } from '../../core/host/index.js';
import { createDiskStore } from '../../core/hypervisor/embedded/index.js';
import { readImage } from '../../core/image/index.js';
import { readImageFile } from '../files.js';
import { hostOf } from '../host.js';
import { releaseOf } from '../images.js';
import type { Session } from '../session.js';
import { usage } from '../settings.js';
import { confirm } from '../terminal/confirm.js';
import { escapeText } from '../terminal/escape.js';

/** Creates an embedded hypervisor from an image. */
export async function run(session: Session): Promise<number> {
  const { settings, output, streams } = session;
  const spec = await hostOf(settings, streams);
  const directory = embeddedDirectory(spec);
  if (directory === null) {
    throw usage(
      `init creates an embedded hypervisor, but the host is ${hostText(spec)}`,
      'Add --host embedded:DIR.',
    );
  }
  const file = settings.image;
  if (file === null) throw usage('init needs --image FILE');
  const bytes = readImageFile(file);
  const image = readImage(bytes, file);
  const { model, version, symbols } = modelFromImage(image, releaseOf(settings.xen));
  if (await holdsHypervisor(directory)) {
    await confirm(
      session,
      `${escapeText(directory)} holds a hypervisor. Replace it, with all it has loaded?`,
    );
  }
  await createDiskStore(directory, model, version, symbols, { file, bytes });
  const id = model.buildId === null ? 'none' : shortId(model.buildId);
  output.info(
    escapeText(`Created ${hostText(spec)} · Xen ${version}, build-id ${id}, from ${file}`),
  );
  output.document({
    ok: true,
    host: hostText(spec),
    hypervisor: { buildId: model.buildId, version },
    image: { file, kind: image.kind },
    findings: image.findings,
  });
  return EXIT.done;
}

async function holdsHypervisor(directory: string): Promise<boolean> {
  try {
    await stat(join(directory, 'hypervisor.json'));
    return true;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    if (code === 'ENOENT') return false;
    throw new XspliceError('state-not-writable', `${directory} cannot be used: ${code}`, {
      cause,
    });
  }
}
