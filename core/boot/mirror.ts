import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Unavailable } from './run.js';

/** The two archives that a Debian machine gets its packages from. */
export interface Mirror {
  readonly archive: string;
  readonly security: string;
}

interface Source {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** Sources in the one-line style: `deb [options] URI suite component…`. */
function readOneLineSources(text: string): Source[] {
  return text
    .split('\n')
    .map((line) => /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line))
    .flatMap((match) => {
      const [uri, suite, components] = [match?.[1], match?.[2], match?.[3]];
      if (uri === undefined || suite === undefined || components === undefined) return [];
      return [{ uris: [uri], suites: [suite], components: components.split(/\s+/) }];
    });
}

/** Sources in the deb822 style: paragraphs of `Field: value`. */
function readDeb822Sources(text: string): Source[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => {
    const field = (name: string): string[] => {
      const match = new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(paragraph);
      return (match?.[1] ?? '').split(/\s+/).filter((word) => word !== '');
    };
    if (!field('Types').includes('deb') || field('Enabled').includes('no')) return [];
    return [{ uris: field('URIs'), suites: field('Suites'), components: field('Components') }];
  });
}

function readSources(folder: string): Source[] {
  const parts = join(folder, 'sources.list.d');
  const files = [
    join(folder, 'sources.list'),
    ...(existsSync(parts) ? readdirSync(parts) : []).map((name) => join(parts, name)),
  ];
  return files.flatMap((file) => {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      return [];
    }
    if (file.endsWith('.sources')) return readDeb822Sources(text);
    return file.endsWith('.list') ? readOneLineSources(text) : [];
  });
}

/**
 * The mirror this machine is told to use: every release comes from there, whatever release the
 * machine itself runs. XSPLICE_DEBIAN_MIRROR and XSPLICE_DEBIAN_SECURITY_MIRROR go first.
 *
 * @throws Unavailable on a machine that is not Debian's and has neither variable.
 */
export function findMirror(
  env: Readonly<Record<string, string | undefined>>,
  aptFolder = '/etc/apt',
): Mirror {
  const sources = readSources(aptFolder).filter((source) => source.components.includes('main'));
  const uriOf = (isWanted: (suite: string) => boolean): string | undefined =>
    sources.find((source) => source.suites.some(isWanted))?.uris[0];
  const archive =
    env['XSPLICE_DEBIAN_MIRROR'] ??
    uriOf((suite) => /^(bullseye|bookworm|trixie|forky|sid)$/.test(suite));
  if (archive === undefined) {
    throw new Unavailable(
      "This machine's apt sources name no Debian mirror. Set XSPLICE_DEBIAN_MIRROR to one.",
    );
  }
  const security =
    env['XSPLICE_DEBIAN_SECURITY_MIRROR'] ??
    uriOf((suite) => suite.endsWith('-security')) ??
    archive.replace(/\/debian\/?$/, '/debian-security');
  return { archive, security };
}
