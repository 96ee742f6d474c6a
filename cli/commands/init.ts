import { shortId } from '../../core/abi/ids.js';
import { EXIT } from '../../core/findings/index.js';
import { createEmbedded, embeddedDirectory, hostText } from '../../core/host/index.js';
import { readImageFile } from '../../core/inputs/index.js';
import { withExplanations } from '../explanations.js';
import { hostOf } from '../host.js';
import { releaseOf } from '../release.js';
import type { Session } from '../session.js';
import { confirm } from '../terminal/confirm.js';
import { escapeText } from '../terminal/escape.js';
import { usage } from '../usage.js';

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
  const created = await createEmbedded(
    directory,
    { file, bytes: readImageFile(file) },
    {
      release: releaseOf(settings.xen),
      confirm: () =>
        confirm(
          session,
          `${escapeText(directory)} holds a hypervisor. Replace it, with all it has loaded?`,
          'the embedded hypervisor that is there',
        ),
    },
  );
  const { buildId, version, image } = created;
  const id = buildId === null ? 'none' : shortId(buildId);
  output.info(
    escapeText(`Created ${hostText(spec)} · Xen ${version}, build-id ${id}, from ${file}`),
  );
  output.document({
    ok: true,
    host: hostText(spec),
    hypervisor: { buildId, version },
    image: { file, kind: image.kind },
    findings: withExplanations(settings, image.findings),
  });
  return EXIT.done;
}
