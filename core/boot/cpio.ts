/** One file, folder or link of an archive. Paths are relative: `bin/sh`. */
export type ArchiveEntry =
  | { readonly path: string; readonly kind: 'folder' }
  | { readonly path: string; readonly kind: 'file'; readonly bytes: Uint8Array; mode?: number }
  | { readonly path: string; readonly kind: 'link'; readonly target: string };

const TYPE = { folder: 0o040000, file: 0o100000, link: 0o120000 } as const;

function member(path: string, inode: number, mode: number, bytes: Uint8Array): Buffer[] {
  const name = Buffer.from(`${path}\0`, 'utf8');
  const hex = (value: number): string => value.toString(16).padStart(8, '0').toUpperCase();
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map(hex).join('')}`, 'latin1');
  const padding = (length: number): Buffer => Buffer.alloc((4 - (length % 4)) % 4);
  return [
    header,
    name,
    padding(header.length + name.length),
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    padding(bytes.length),
  ];
}

function bytesOf(entry: ArchiveEntry): Uint8Array {
  if (entry.kind === 'file') return entry.bytes;
  return entry.kind === 'link' ? Buffer.from(entry.target, 'utf8') : Buffer.alloc(0);
}

function modeOf(entry: ArchiveEntry): number {
  const permissions = entry.kind === 'file' ? (entry.mode ?? 0o644) : 0o755;
  return TYPE[entry.kind] | permissions;
}

/** The folders above each entry, each before what is in it, once. */
function foldersAbove(entries: readonly ArchiveEntry[]): string[] {
  const folders = new Set<string>();
  for (const { path } of entries) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      folders.add(parts.slice(0, depth).join('/'));
    }
  }
  return [...folders];
}

/**
 * A cpio archive in the `newc` format that Linux unpacks as an initramfs. Missing folders are added.
 * Its length is a multiple of 512, so archives may be put behind each other.
 */
export function cpioArchive(entries: readonly ArchiveEntry[]): Buffer {
  const given = new Set(entries.map((entry) => entry.path));
  const folders = foldersAbove(entries)
    .filter((path) => !given.has(path))
    .map((path): ArchiveEntry => ({ path, kind: 'folder' }));
  const chunks = [...folders, ...entries].flatMap((entry, index) =>
    member(entry.path, index + 1, modeOf(entry), bytesOf(entry)),
  );
  chunks.push(...member('TRAILER!!!', 0, 0, Buffer.alloc(0)));
  const archive = Buffer.concat(chunks);
  return Buffer.concat([archive, Buffer.alloc((512 - (archive.length % 512)) % 512)]);
}
